"""What a person chooses on their page: read from a form, refused where it makes no sense, put on their row. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.calendars.opening_hours import zone_exists
from gateway.model import Amount, Contact, Instant, Preference, TopicGroup
from gateway.notifications.preferences.wanted import in_order
from gateway.notifications.topics import TOPICS

WAITS_FOR_CODE = "waits for the code that we sent there"
# nobody takes those back by a page
NOT_SHOWN = (WAITS_FOR_CODE, "removed by an agent", "moved out", "removed from the fleet file")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
MUTABLE: tuple[TopicGroup, ...] = tuple(group for group in TopicGroup if group != TopicGroup.WELL and any(  # asked for
    one.group is group and not one.required for one in TOPICS.values()))


class Unclear(ValueError):
    """`sentence`: id of the one that says why; `field`: which of the form."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.sentence, self.field = sentence, field


@dataclass(frozen=True)
class Chosen:
    """All that the form says."""

    amount: Amount = Amount.EVERYTHING
    digest_at: str = "18:00"
    groups: frozenset[TopicGroup] = frozenset(MUTABLE)  # that they want
    locale: str | None = None
    own_quiet: bool = False
    quiet_from: str | None = None
    quiet_until: str | None = None
    timezone: str | None = None
    first_for: Mapping[TopicGroup, str] = field(default_factory=dict)  # which contact is tried first for which
    yearly: bool = False

    @property
    def has_no_quiet_hours(self) -> bool:
        """Of their own: they are told at any hour."""
        return self.own_quiet and self.quiet_from is None


@dataclass(frozen=True)
class Given:
    """The form as it comes: every field is text and may be missing."""

    amount: str = ""
    digest_at: str = ""
    groups: Sequence[str] = ()
    locale: str = ""
    quiet: str = ""  # household | own | none
    quiet_from: str = ""
    quiet_until: str = ""
    timezone: str = ""
    first_for: Mapping[str, str] = field(default_factory=dict)  # a group's value → id of a contact, or ""
    yearly: str = ""  # "": no


def read_choice(given: Given, locales: Collection[str], contact_ids: Collection[str] = ()) -> Chosen:
    """Raises Unclear. Quiet hours that end when they begin are none, and the page says so. `contact_ids`: theirs."""
    amount = _one_of(given.amount, [str(one) for one in Amount], "amount")
    digest_at = _time(given.digest_at or "18:00", "digest_at")
    if given.locale and given.locale not in locales:
        raise Unclear("page.preferences.no_such_language", "locale")
    quiet = _one_of(given.quiet, ("household", "own", "none"), "quiet")
    begins = ends = zone = None
    if quiet == "own":
        begins, ends = _time(given.quiet_from, "quiet_from"), _time(given.quiet_until, "quiet_until")
        if begins == ends:
            begins = ends = None
    if given.timezone:
        if not zone_exists(given.timezone):
            raise Unclear("page.preferences.no_such_zone", "timezone")
        zone = given.timezone
    first = {group: _one_of(given.first_for[group], contact_ids, f"first_{group}")
             for group in MUTABLE if given.first_for.get(group)}
    return Chosen(Amount(amount), digest_at, frozenset(one for one in MUTABLE if one in given.groups),
                  given.locale or None, quiet != "household", begins, ends, zone, first, bool(given.yearly))


def apply_choice(choice: Preference, chosen: Chosen) -> None:
    """What cannot be muted is never among what they do not want."""
    choice.amount, choice.digest_at, choice.locale = chosen.amount, chosen.digest_at, chosen.locale
    choice.muted = [one for one in MUTABLE if one not in chosen.groups]
    choice.own_quiet, choice.timezone = chosen.own_quiet, chosen.timezone
    choice.quiet_from, choice.quiet_until = chosen.quiet_from, chosen.quiet_until
    choice.yearly, choice.well_at = chosen.yearly, choice.well_at if chosen.yearly else None
    choice.first_for = {str(group): key for group, key in chosen.first_for.items()}


@dataclass(frozen=True)
class Wishes:
    """What somebody else writes down for them: None is left as it is."""

    chosen: Callable[[Preference], Chosen] | None = None  # all that the form says, from what it says so far
    stopped: bool | None = None
    order: Sequence[str] | None = None  # ids of contacts


def chosen_so_far(choice: Preference) -> Chosen:
    """What their form would show."""
    return Chosen(choice.amount, choice.digest_at, frozenset(one for one in MUTABLE if one not in choice.muted),
                  choice.locale, choice.own_quiet, choice.quiet_from, choice.quiet_until, choice.timezone,
                  {group: choice.first_for[group] for group in MUTABLE if group in choice.first_for},
                  choice.yearly)


def apply_wishes(choice: Preference, wishes: Wishes, contacts: Sequence[Contact], now: Instant) -> None:
    """Raises Unclear for a contact that is not among theirs."""
    theirs = [one.id for one in contacts]
    if wishes.chosen is not None:
        before, chosen = choice.first_for, wishes.chosen(choice)
        for group, key in chosen.first_for.items():
            if key not in theirs and before.get(group) != key:
                raise Unclear("page.preferences.choose_one", f"first_for.{group}")
        apply_choice(choice, chosen)
    if wishes.stopped is not None:
        choice.stopped_at = (choice.stopped_at or now) if wishes.stopped else None
    if wishes.order is not None:
        for number, key in enumerate(wishes.order):
            if key not in theirs:
                raise Unclear("page.preferences.choose_one", f"contact_order.{number}")
        first = list(dict.fromkeys(wishes.order))
        choice.contact_order = [*first, *(one for one in theirs if one not in first)]


def forget_choice(choice: Preference) -> None:
    """Of who has moved out: what they chose is nobody's business any more, and their links are over."""
    apply_choice(choice, Chosen())
    choice.stopped_at, choice.contact_order, choice.link_number = None, [], choice.link_number + 1


def shown_contacts(contacts: Iterable[Contact], choice: Preference) -> tuple[Contact, ...]:
    """Those that they may use or use again, in their order; what waits for its code is none of them yet."""
    shown = [one for one in contacts if one.stopped_at is None or one.stopped_why not in NOT_SHOWN]
    return in_order(shown, {one.owner: choice for one in shown})


def move_contact(contacts: Sequence[Contact], contact_id: str, up: bool) -> list[str]:
    """Ids in their new order; the first does not move up, nor the last down."""
    ids = [one.id for one in contacts]
    here = ids.index(contact_id)
    there = max(here - 1, 0) if up else min(here + 1, len(ids) - 1)
    ids[here], ids[there] = ids[there], ids[here]
    return ids


def masked(contact: Contact) -> str:
    """Enough for its owner to know it, and no more: whoever has the link learns no address."""
    name, at, domain = contact.address.partition("@")
    if contact.channel == "email" and at:
        return f"{name[:1]}…@{domain}"
    return f"{contact.address[:3]}…{contact.address[-2:]}" if len(contact.address) > 6 else "…"


def _one_of(given: str, allowed: Collection[str], field: str) -> str:
    if given not in allowed:
        raise Unclear("page.preferences.choose_one", field)
    return given


def _time(given: str, field: str) -> str:
    if not _TIME.fullmatch(given):
        raise Unclear("page.preferences.no_such_time", field)
    return given
