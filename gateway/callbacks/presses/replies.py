"""What a device is told about a press: the promised time, who is coming to the telephone, or that it is settled."""

from gateway.callbacks.lifecycle import IN_HAND
from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.devices.dialects import reply_to_press
from gateway.model import MINUTE, Callback, CallbackState, Command, Instant
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.notifications.messages import no_rescue_service
from gateway.tickets.context import PlanningContext, Policy

REPLY_FOR = 10 * MINUTE  # a device that comes back later asks again by pressing


def reply(press_id: str, said: PressAnswer, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Queues the answer to the press of `context.device`; it is published only after the commit. One that has not left
    yet says the newer truth instead: a device that repeats faster than we speak hears one answer. Nothing, where its
    dialect cannot be told."""
    unsent = context.unsent_replies.get(press_id)
    if unsent is not None and unsent.expires_at <= now:
        unsent = None
    command_id, until = (policy.new_id("M"), now + REPLY_FOR) if unsent is None else (unsent.id, unsent.expires_at)
    message = reply_to_press(context.device.key, press_id, said, command_id, until)
    if message is None:
        return
    topic, payload = message
    if unsent is not None:  # mostly it says this already: then nothing is written, and nobody is in the publisher's way
        unsent.payload = payload
        return
    context.unsent_replies[press_id] = Command(id=command_id, device_id=context.device.id, topic=topic,
                                               payload=payload, press_id=press_id, created_at=now, expires_at=until)
    context.draft.add(context.unsent_replies[press_id])


def answer_of(callback: Callback, context: PlanningContext, policy: Policy) -> PressAnswer:
    """What whoever pressed has to know of their call now."""
    if callback.state is CallbackState.ANSWERED:
        return PressAnswer(PressReply.ANSWERED)
    if callback.closed_at is not None:
        return PressAnswer(PressReply.CALLBACK_CLOSED)
    in_hand = callback.state in IN_HAND or callback.state is CallbackState.CONNECTED
    said = (PressAnswer(PressReply.COMING, callback.promised_by, who=name_of(callback.agent)) if in_hand
            else PressAnswer(PressReply.CALLBACK_SCHEDULED, callback.promised_by))
    if not callback.emergency:
        return said
    number = emergency_number(context.site.country or policy.service.country)
    notice = no_rescue_service(number, policy.catalogues.best_for(context.customer.locale))
    return said._replace(notice=notice, emergency_number=number)


def name_of(agent: str | None) -> str:
    """`agent Dana Meier` is Dana Meier to whoever waits for her."""
    return (agent or "").partition(" ")[2]
