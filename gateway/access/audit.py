"""What the audit log says of an act: who, where from, what it was done to, and how that was before and after."""

import re
from enum import StrEnum
from typing import Any

from gateway.model import Actor, Audit, AuditOutcome, Instant
from gateway.model.plan import Plan
from gateway.tickets.actions import Act

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
Target = tuple[str, str]
"""(kind, id) of what something is done to: ("ticket", "T-4F7QK2M9")."""


def audit_of(action: str, target: Target, plan: Plan, who: Actor, now: Instant) -> Audit:
    """Of something that was done. The states, times and ids of its target that changed; never a person's words."""
    kind, target_id = target
    changes = [change for change in plan.change if change.id == target_id]
    before = {name: value for change in changes for name, value in change.expecting.items()
              if name in change.values and _impersonal(name, value)}
    after = {name: value for change in changes for name, value in change.values.items() if _impersonal(name, value)}
    return Audit(at=now, actor=who.kind, account=who.account, role=who.role, address=who.address, action=action,
                 object_kind=kind, object_id=target_id, before=before, after=after)


def denial_of(action: str, target: Target, who: Actor, now: Instant,
              outcome: AuditOutcome = AuditOutcome.DENIED) -> Audit:
    """Of something that was not done."""
    return Audit(at=now, actor=who.kind, account=who.account, role=who.role, address=who.address, action=action,
                 outcome=outcome, object_kind=target[0], object_id=target[1])


def action_name(act: type[Act]) -> str:
    """`HoldTicket` → `hold_ticket`"""
    return _WORD.sub("_", act.__name__).lower()


def target_of(given: Act) -> Target:
    """What an act is done to."""
    for name, value in vars(given).items():
        if name == "subject":
            return str(value.kind), value.id
        if name.endswith("_id"):
            return name.removesuffix("_id"), value
    raise TypeError(f"{type(given).__name__} names nothing that it is done to")


def _impersonal(name: str, value: Any) -> bool:
    """Whether a value is a state, a number, a time or an id: all else may be what somebody wrote."""
    return value is None or isinstance(value, bool | int | StrEnum) or name.endswith("_id")


