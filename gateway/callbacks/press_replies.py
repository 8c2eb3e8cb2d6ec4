"""Tells a device what became of a press: on its light, its display or by its voice."""

from gateway.devices.dialects import reply_to_press
from gateway.model import MINUTE, Command, Instant
from gateway.model.signals import PressAnswer
from gateway.tickets.context import PlanningContext, Policy

REPLY_FOR = 10 * MINUTE  # a device that comes back later asks again by pressing


def reply(press_id: str, said: PressAnswer, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Queues `said` for the context's device; it is published only after the commit. Nothing, where its dialect cannot
    be told. What no press asks for (`coming`) names the last press of the callback."""
    command_id, until = policy.new_id("M"), now + REPLY_FOR
    message = reply_to_press(context.device.key, press_id, said, command_id, until)
    if message is not None:
        topic, payload = message
        context.draft.add(Command(id=command_id, device_id=context.device.id, topic=topic, payload=payload,
                                  created_at=now, expires_at=until))
