"""When and how a technician rings the customer of a visit: through a bridge with a PIN, or by the number itself."""

import re
from collections.abc import Iterable
from hashlib import sha256

from gateway.callbacks.numbers.telephones import Telephone
from gateway.model import DAY, HOUR, MINUTE, RESIDENTS, SECOND, Instant, PinTries, Visit, VisitState

BEFORE_WINDOW = HOUR  # so long before the arrival window the bridge connects, though nobody has set out
DIGITS = 6
AT_ONCE = ((5, MINUTE), (20, HOUR))  # so many wrong PINs within this time lock the bridge
FIRST_LOCK, LONGEST_LOCK = MINUTE, HOUR  # each lock within a day of the last is twice as long


def call_pin(random_id: str) -> str:
    """Six digits that nobody can guess, of an id that nobody has seen."""
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


def after_wrong(tries: PinTries, now: Instant) -> PinTries:
    """The same key after one more wrong PIN."""
    wrong = [at for at in tries.wrong if at > now - HOUR] + [now]
    if not any(sum(at > now - within for at in wrong) >= most for most, within in AT_ONCE):
        return PinTries(key_id=tries.key_id, wrong=wrong, locks=tries.locks, locked_until=tries.locked_until)
    again = tries.locked_until is not None and now - tries.locked_until < DAY
    locks = tries.locks + 1 if again else 1
    length = min(FIRST_LOCK * 2 ** min(locks - 1, DIGITS), LONGEST_LOCK)
    return PinTries(key_id=tries.key_id, wrong=[], locks=locks, locked_until=now + length)


def seconds_locked(tries: PinTries, now: Instant) -> int:
    """How long the key is locked from now on; 0: it is not."""
    return max(0, -((now - (tries.locked_until or 0)) // SECOND))
