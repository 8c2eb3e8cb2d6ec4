"""When and how a technician rings the customer of a visit: through a bridge with a PIN, or by the number itself."""

import re
from collections.abc import Iterable
from hashlib import sha256

from gateway.callbacks.numbers.telephones import Telephone
from gateway.model import DAY, HOUR, MINUTE, RESIDENTS, SECOND, Instant, PinTries, Visit, VisitState

BEFORE_WINDOW = HOUR  # so long before the arrival window the bridge connects, though nobody has set out
NAMING, SECRET = 4, 6  # digits of a PIN: which visit it is of, and what nobody can guess
DIGITS = NAMING + SECRET
AT_ONCE = ((5, MINUTE), (20, HOUR))  # so many wrong PINs of one visit within this time lock it, and no other
FIRST_LOCK, LONGEST_LOCK = MINUTE, HOUR  # each lock within a day of the last is twice as long
GUESSED = 50  # wrong PINs of whatever visit within an hour: more than tired fingers type


def call_pin(random_id: str) -> str:
    """Ten digits that nobody can guess, of an id that nobody has seen."""
    return f"{int.from_bytes(sha256(random_id.encode()).digest()) % 10 ** DIGITS:0{DIGITS}}"


def connects_from(visit: Visit) -> Instant:
    """From when the bridge connects, unless the technician sets out earlier."""
    return visit.window_from - BEFORE_WINDOW


def is_connected(visit: Visit, now: Instant) -> bool:
    """Whether the bridge connects: from the departure, or an hour before the window, until the visit is over."""
    return visit.done_at is None and (is_under_way(visit) or now >= connects_from(visit))


def is_under_way(visit: Visit) -> bool:
    """Whether the technician is on the way or there: only then the number itself is shown."""
    return visit.state in (VisitState.EN_ROUTE, VisitState.ON_SITE)


def at_home(telephones: Iterable[Telephone]) -> list[Telephone]:
    """The numbers that a technician may ring: the household's and those of who lives there."""
    return [one for one in telephones if one.role is None or one.role in RESIDENTS]


def call_link(template: str, pin: str) -> str:
    """The link that dials the bridge and then the PIN; `#` would end the number, so it is written as a URI needs it."""
    return template.replace("{pin}", pin).replace("#", "%23")


def bridge_number(template: str) -> str:
    """The bridge's own number: `tel:+41445550000,,{pin}#` → `+41445550000`"""
    return "".join(re.findall(r"^tel:(\+[0-9]+)", template))


def named_by(pin: str) -> str:
    """The digits of a PIN that name its visit."""
    return pin[:NAMING]


def spoken(pin: str) -> str:
    """`4029174553` → `4029 174 553`"""
    return f"{pin[:NAMING]} {pin[NAMING:-3]} {pin[-3:]}"


def after_wrong(tries: PinTries, now: Instant) -> PinTries:
    """The same visit after one more wrong PIN."""
    wrong = [*lately(tries, now), now]
    if not any(sum(at > now - within for at in wrong) >= most for most, within in AT_ONCE):
        return PinTries(id=tries.id, wrong=wrong, locks=tries.locks, locked_until=tries.locked_until)
    again = tries.locked_until is not None and now - tries.locked_until < DAY
    locks = tries.locks + 1 if again else 1
    length = min(FIRST_LOCK * 2 ** min(locks - 1, 6), LONGEST_LOCK)
    return PinTries(id=tries.id, wrong=[], locks=locks, locked_until=now + length)


def counted(all_tries: PinTries, now: Instant) -> PinTries:
    """All wrong PINs after one more."""
    return PinTries(id=all_tries.id, wrong=[*lately(all_tries, now), now][-GUESSED:])


def lately(tries: PinTries, now: Instant) -> list[Instant]:
    """When wrong ones came within the last hour."""
    return [at for at in tries.wrong if now - HOUR < at <= now]


def is_guessed_at(all_tries: PinTries, now: Instant) -> bool:
    """Whether somebody tries one PIN after the other."""
    return len(lately(all_tries, now)) >= GUESSED


def seconds_locked(tries: PinTries, now: Instant) -> int:
    """How long the visit is locked from now on; 0: it is not."""
    return max(0, -((now - (tries.locked_until or 0)) // SECOND))
