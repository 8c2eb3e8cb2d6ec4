"""The yearly message that all is well, for whoever asked for it: when it is due, and whether it would be true. Pure."""

from dataclasses import dataclass
from datetime import date

from gateway.calendars.opening_hours import wall_time
from gateway.model import (
    DAY,
    HOUR,
    Instant,
    LinkState,
    Notification,
    NotificationState,
    Preference,
    Recipient,
    Subject,
    SubjectKind,
    customer,
    local,
)
from gateway.notifications.compose import compose
from gateway.notifications.topics import TopicName

LOOK_AGAIN = 7 * DAY  # while something is open, and after it was sent: it may have been dropped for that
NOT_WITHIN = 330 * DAY  # of the last one
AT = 10 * HOUR  # on their wall
SPEAKS = (LinkState.ONLINE, LinkState.SLEEPING)
_UNDER_WAY = (NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING)
_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Watched:
    """A device that has been heard."""

    name: str
    link: LinkState
    seen_at: Instant
    battery: int | None = None  # per cent, as far as it is known


@dataclass(frozen=True)
class HomeNow:
    """How it looks at the homes of one who asked for it."""

    lives_there: bool = False  # at one at least
    anything_open: bool = False  # a ticket, a call, an alarm, a power cut
    devices: tuple[Watched, ...] = ()
    acted: int = 0  # faults that were settled within the last year

    @property
    def is_well(self) -> bool:
        """Whether it may be said: something is watched, all of it speaks, and nothing is open."""
        return (self.lives_there and not self.anything_open and bool(self.devices)
                and all(one.link in SPEAKS for one in self.devices))


def a_year_after(at: Instant, zone: str) -> Instant:
    """On the same day of the next year; of 29 February on the 28th."""
    day = local(at, zone).date()
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return wall_time(zone, date(day.year + 1, day.month, last).toordinal() - _FIRST_DAY, AT, False)


def begin_year(choice: Preference, zone: str, now: Instant) -> None:
    """Who has just asked for it hears it in a year; who asks again keeps their day."""
    if choice.yearly and choice.well_at is None:
        choice.well_at = a_year_after(now, choice.timezone or zone)


def plan_all_is_well(choice: Preference, household_id: str, zone: str, home: HomeNow, last: Notification | None,
                     notification_id: str, now: Instant) -> Notification | None:
    """What is due at `choice.well_at`, which is moved on: the message, or nothing. `last`: of that kind, to them."""
    zone = choice.timezone or zone
    if not home.lives_there:
        choice.yearly, choice.well_at = False, None
        return None
    if last is not None and last.state in _UNDER_WAY:
        choice.well_at = now + LOOK_AGAIN
        return None
    if last is not None and last.state is not NotificationState.DROPPED and now - last.created_at < NOT_WITHIN:
        choice.well_at = max(a_year_after(last.created_at, zone), now + LOOK_AGAIN)
        return None
    choice.well_at = now + LOOK_AGAIN
    if not home.is_well:
        return None
    longest = min(home.devices, key=lambda one: one.seen_at)
    batteries = [one.battery for one in home.devices if one.battery is not None]
    owner = Recipient(choice.owner_kind, choice.owner_id)
    return compose(
        notification_id, customer(household_id), TopicName.ALL_IS_WELL,
        Subject(SubjectKind.CUSTOMER, household_id), f"{owner}/{now // DAY}", now,
        facts={"owner": str(owner), "watched": [one.name for one in home.devices], "acted": home.acted,
               "device": longest.name, "since": longest.seen_at, "battery": min(batteries, default=None)})
