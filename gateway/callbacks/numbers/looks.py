"""What is written down when somebody sees the telephone numbers of a home, and when that is the same look as before."""

from collections.abc import Sequence

from gateway.callbacks.numbers.telephones import Telephone
from gateway.model import MINUTE, Actor, Callback, Entry, EntryKind, Instant, Subject, Ticket
from gateway.tickets.new_rows import entry

ONE_LOOK = 10 * MINUTE


def looked_at(about: Ticket | Callback | Subject, seen: Sequence[Telephone], kind: EntryKind, who: Actor, now: Instant
              ) -> Entry:
    """Whose numbers were seen, or dialled, and by whom; the numbers themselves are written nowhere."""
    names = list(dict.fromkeys(one.name for one in seen))
    return entry(about, now, kind, who=who, people=", ".join(names), evidence={"people": _ids(seen)})


def is_same_look(before: Entry, seen: Sequence[Telephone], now: Instant) -> bool:
    """Whether whoever sees these numbers has seen those of all these people a moment ago."""
    return before.at <= now < before.at + ONE_LOOK and set(_ids(seen)) <= set(before.evidence["people"])


def _ids(seen: Sequence[Telephone]) -> list[str]:
    """Each person's id; "" for the household's own number."""
    return list(dict.fromkeys(one.person_id or "" for one in seen))
