"""Faults that a device names itself."""

from gateway.detection.state import Cleared, Known, Raised, Verdict
from gateway.dialects.signals import FaultCode
from gateway.model import Instant
from gateway.profiles import Profile


def judge_fault(profile: Profile, state: Known, signal: FaultCode, now: Instant, verdicts: list[Verdict]) -> None:
    """Raises or clears `fault:<code>`; a report older than the newest one on that code changes nothing."""
    name, at = f"fault:{signal.code}", min(signal.at or now, now)
    mark = state.rules.get(name)
    if mark is not None and at < mark["at"]:
        return
    active = mark is not None and mark["s"] == "active"
    if signal.active and not active:
        fault = profile.faults.get(signal.code) or profile.faults.get("*")
        state.rules[name] = {"s": "active", "at": at}
        why = {"code": signal.code, "text": signal.text}
        if fault is not None:
            verdicts.append(Raised(name, fault.severity, dict(fault.cause), fault.skill, fault.action, at, why))
        else:
            cause = {"en": f"The device reports fault {signal.code}", "de": f"Das Gerät meldet Störung {signal.code}"}
            verdicts.append(Raised(name, "major", cause, "", "ticket", at, why))
    elif not signal.active and active:
        state.rules[name] = {"s": "clear", "at": at}
        verdicts.append(Cleared(name, at, {"code": signal.code}))
