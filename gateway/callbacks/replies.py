"""What a device is told about a press: the promised time, who is coming to the telephone, or that it is settled."""

from gateway.callbacks.emergency_numbers import emergency_number
from gateway.devices.dialects import reply_to_press
from gateway.model import MINUTE, Callback, Command, Instant
from gateway.notifications.messages import no_rescue_service
from gateway.tickets.context import PlanningContext, Policy

REPLY_FOR = 10 * MINUTE  # a device that comes back later asks again by pressing


def reply(press_id: str, state: str, callback: Callback, context: PlanningContext, policy: Policy, now: Instant
          ) -> None:
    """Queues the answer to the press of `context.device`; it is published only after the commit."""
    command_id = policy.new_id("M")
    until = now + REPLY_FOR
    in_danger = emergency_number(context.site.country or policy.service.country) if callback.emergency else ""
    language = policy.catalogues.best_for
    notice = no_rescue_service(in_danger, language(context.customer.locale)) if callback.emergency else ""
    message = reply_to_press(context.device.key, press_id, state, callback.promised_by, command_id, until, notice,
                             in_danger)
    if message is not None:
        topic, payload = message
        context.draft.add(Command(id=command_id, device_id=context.device.id, topic=topic, payload=payload,
                                  created_at=now, expires_at=until))
