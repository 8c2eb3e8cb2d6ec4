"""Which messages to a firm or a technician bring an invite along, and what it asks their calendar to do."""

from dataclasses import replace

from gateway.model import Notification, RecipientKind, Visit, VisitState
from gateway.model.tickets import REPORTED
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.context import NotificationContext
from gateway.notifications.invites.visit_calendar import Invite, Method, of_visit
from gateway.notifications.messages import Facts
from gateway.notifications.topics import TopicName

_WHO_GOES = (RecipientKind.PROVIDER, RecipientKind.TECHNICIAN)
_TELLS_WHEN = (TopicName.JOB_TAKEN, TopicName.VISIT_CHANGED, TopicName.VISIT_INVITE)
_TAKES_AWAY = (TopicName.VISIT_CALLED_OFF, TopicName.OFFER_WITHDRAWN, TopicName.VISIT_INVITE)


def invite_for(notification: Notification, context: NotificationContext, facts: Facts, words: Catalogue
               ) -> Invite | None:
    """As the visit stands now, not as it stood when the message was written. None: it tells of no visit, or not to
    whoever goes there."""
    visit = context.visit
    if notification.recipient_kind not in _WHO_GOES or visit is None or not _is_theirs(notification, visit):
        return None
    # also for whom somebody else of their firm goes
    over = visit.state is VisitState.CANCELLED or (
        notification.topic == TopicName.VISIT_CALLED_OFF and notification.facts.get("because") == "reassigned")
    if notification.topic in (_TAKES_AWAY if over else _TELLS_WHEN):
        # what a customer wrote is not for a calendar, which keeps copies on servers of its own
        cause = "" if context.ticket is not None and context.ticket.cause_key == REPORTED else facts.cause
        title = ": ".join(part for part in (facts.device, cause) if part) or facts.number
        details = [words("page.firm.calendar_number", number=facts.number), visit.technician]
        place = context.site.address if context.site is not None and not over else ""
        shown = of_visit(visit, title, place, "\n".join(one for one in details if one))
        return Invite(replace(shown, cancelled=over), Method.CANCEL if over else Method.REQUEST)
    return None


def _is_theirs(notification: Notification, visit: Visit) -> bool:
    """Not the ticket's newest visit, by another firm, in place of one that they were told of before."""
    named = notification.facts.get("visit_id") or notification.occurrence
    return named == visit.id and (notification.recipient_kind is not RecipientKind.PROVIDER
                                  or notification.recipient_id == visit.provider_id)
