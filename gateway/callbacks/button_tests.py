"""Plans a press that only tries the button: it is written down and answered, and nobody is called."""

from gateway.callbacks.replies import reply
from gateway.detection.device_state import Pressed
from gateway.model import Instant, PressKind, PressRecord
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.tickets.context import PlanningContext, Policy


def plan_test_press(pressed: Pressed, press_id: str, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """A test press that was not heard before."""
    press = PressRecord(device_id=context.device.id, press_id=press_id, kind=PressKind.TEST, at=pressed.at,
                        received_at=now)
    context.presses[press_id] = context.last_press = press
    context.draft.add(press)
    reply_to_test(pressed, press_id, context, policy, now)


def reply_to_test(pressed: Pressed, press_id: str, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Says on the device that the test has reached us; also when the network repeats it."""
    reply(press_id, PressAnswer(PressReply.TEST_HEARD, battery=pressed.battery), context, policy, now)
