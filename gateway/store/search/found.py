"""What a search has found, in groups."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.config.phone_numbers import for_people
from gateway.model import Subject


class Hit(NamedTuple):
    """One thing that was found, with one line about it."""

    id: str
    title: str
    context: str = ""
    customer_id: str | None = None  # of people, sites and devices: whose; None: nobody lives there
    site_id: str | None = None
    state: str = ""  # of tickets, callbacks and outages
    severity: str = ""  # of tickets
    grade: int = 0  # how well it fits


class Caller(NamedTuple):
    """A household that has the telephone number that was typed, or one that ends like it."""

    customer_id: str
    person_id: str | None  # whose it is; None: the household's own
    name: str
    number: str  # E.164
    context: str
    whole: bool  # it is the number that was typed, not only its end

    @property
    def shown(self) -> str:
        return for_people(self.number)


@dataclass
class Found:
    """What was found, in groups; the best of each group first."""

    jump: Subject | None = None  # the ticket, callback or outage of which nothing but the number was typed
    tickets: list[Hit] = field(default_factory=list)
    callbacks: list[Hit] = field(default_factory=list)
    outages: list[Hit] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    customers: list[Hit] = field(default_factory=list)
    people: list[Hit] = field(default_factory=list)
    sites: list[Hit] = field(default_factory=list)
    devices: list[Hit] = field(default_factory=list)
    more: bool = False  # there may be more than this

    @property
    def certain(self) -> bool:
        """Whether the number that was typed is one household's: with any other nobody may be taken for who calls."""
        return len({one.customer_id for one in self.callers}) == 1 and all(one.whole for one in self.callers)

    @property
    def count(self) -> int:
        return sum(len(one) for one in (self.tickets, self.callbacks, self.outages, self.callers, self.customers,
                                        self.people, self.sites, self.devices))
