"""What may happen to a ticket: its states in the groups that others ask for."""

from gateway.model import TicketState

UNASSIGNED = (TicketState.NEW, TicketState.OFFERED)  # nobody has taken it
BEFORE_ARRIVAL = (TicketState.ASSIGNED, TicketState.EN_ROUTE)  # somebody has, and is not there yet
UNDER_WAY = (*BEFORE_ARRIVAL, TicketState.ON_SITE)  # what fills a provider's capacity
WORKS = (TicketState.RESOLVED, TicketState.CLOSED)
SETTLED = (*WORKS, TicketState.CANCELLED)  # nobody has to do anything any more
