"""Which press is a new one, and what is kept of it."""

from itertools import count

from gateway.detection.device_state import Pressed
from gateway.model import DAY, MINUTE, SECOND, Instant, PressKind, PressRecord
from gateway.tickets.context import PlanningContext

SAME_FINGER = 2 * SECOND  # presses without an id of their own within this time are one press sent twice
ECHO_FOR = 10 * MINUTE  # a clock that stands still says the same time each time: later it is another finger
REPEATS_FOR = DAY  # an id that comes again later is one of a counter that began anew


def earlier_press(pressed: Pressed, context: PlanningContext, now: Instant) -> PressRecord | None:
    """The press that the network repeats, or whose answer the device waits for; None: this is a new one. An id of old
    with another kind or another time is a new one too: a call for help that is taken for a repetition is lost."""
    known = context.presses.get(pressed.press_id) if pressed.press_id else None
    if known is None or known.kind != pressed.kind:
        return None
    lately = now - known.received_at < REPEATS_FOR
    return known if lately or abs(pressed.at - known.at) < SAME_FINGER else None


def is_echo(pressed: Pressed, context: PlanningContext, now: Instant) -> bool:
    """Whether a press without an id is the last one, sent twice."""
    last = context.last_press
    return (pressed.press_id is None and last is not None and last.kind == pressed.kind
            and abs(pressed.at - last.at) < SAME_FINGER and now - last.received_at < ECHO_FOR)


def keep_press(pressed: Pressed, context: PlanningContext, now: Instant) -> PressRecord:
    """What is known of a new press from now on; of an id that comes a second time the newer one."""
    press_id = pressed.press_id or _generated_id(context, now)
    press = context.presses.get(press_id)
    if press is None:
        press = PressRecord(id=f"{context.device.id}/{press_id}", device_id=context.device.id, press_id=press_id,
                            kind=PressKind(pressed.kind), at=pressed.at, received_at=now)
        context.draft.add(press)
    else:
        press.kind, press.at, press.received_at, press.callback_id = PressKind(pressed.kind), pressed.at, now, None
    context.presses[press_id] = context.last_press = press
    return press


def _generated_id(context: PlanningContext, now: Instant) -> str:
    """An id for a press that came without one; two at the same moment get different ids."""
    last = context.last_press.press_id if context.last_press is not None else ""
    names = (f"at-{now}" if number == 1 else f"at-{now}-{number}" for number in count(1))
    return next(name for name in names if name not in context.presses and name != last)
