"""The times at which somebody may be rung: inside the hours of the desk, and not in the past."""

from collections.abc import Iterator

from gateway.calendars.desk_hours import desk_hours, names_hours
from gateway.calendars.opening_hours import open_spans
from gateway.config.settings import Service
from gateway.model import DAY, MINUTE, Instant, round_up, to_iso
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason

AHEAD = 28 * DAY
STEP = 15 * MINUTE


def slots(service: Service, now: Instant, until: Instant) -> Iterator[tuple[Instant, Instant]]:
    """(begins, ends) of every time between now and `until` in which somebody may want to be rung, one after the other:
    each as long as the settings say, by the clock, also on the day when that is changed."""
    length = service.callback_slot_minutes * MINUTE
    desk = desk_hours(service)
    spans = [(now, until)] if desk is None else open_spans(desk, now, until - now)
    for opens, closes in spans:
        begins = round_up(max(opens, now), STEP)
        while begins + length <= min(closes, until):
            yield begins, begins + length
            begins += length


def check_desk_hours_are_set(service: Service) -> None:
    """Raises Refused while nobody has said when somebody is at the desk: a wish at 23:13 would be promised for 00:13.
    """
    if not names_hours(service):
        raise Refused(RefusedReason.NO_DESK_HOURS)


def check_slot(ring_from: Instant, service: Service, now: Instant) -> None:
    """Raises Refused with the nearest time: for one that is past, too far away, or not wholly inside the desk's hours.
    """
    if ring_from < now:
        raise Refused(RefusedReason.SLOT_PAST, nearest=_nearest(service, now, now))
    length = service.callback_slot_minutes * MINUTE
    desk = desk_hours(service)
    inside = ring_from - now <= AHEAD and (desk is None or any(
        opens <= ring_from and ring_from + length <= closes for opens, closes in open_spans(desk, ring_from, length))
    )
    if not inside:
        raise Refused(RefusedReason.SLOT_OUTSIDE, nearest=_nearest(service, ring_from, now))


def _nearest(service: Service, wanted: Instant, now: Instant) -> str:
    """The slot that begins nearest to the wanted time, as people write instants to us."""
    begins = [begin for begin, _ in slots(service, now, min(max(wanted, now), now + AHEAD) + 8 * DAY)
              if begin - now <= AHEAD]
    return to_iso(min(begins, key=lambda begin: abs(begin - wanted))) if begins else ""
