"""Faults that a device names itself."""

from typing import Any

from gateway.detection.state import Cleared, Known, Raised, Verdict
from gateway.dialects.signals import FaultCode, FaultList
from gateway.model import Instant
from gateway.profiles import Fault, Profile

BATTERY_LOW = Fault("minor", {"en": "The device's battery is nearly empty",
                              "de": "Die Batterie des Geräts ist fast leer"}, "", "ticket")


def judge_fault(profile: Profile, state: Known, signal: FaultCode, now: Instant, verdicts: list[Verdict]) -> None:
    """Raises or clears `fault:<code>`; a report older than the newest one on that code changes nothing.

    A code named like one of the profile's rules is that rule's business while the device sends what the rule needs.
    """
    name, at = f"fault:{signal.code}", min(signal.at or now, now)
    mark = state.rules.get(name)
    if mark is not None and at < mark["at"]:
        return
    active = mark is not None and mark["s"] == "active"
    if signal.active and not active:
        if _ruled(profile, state, signal.code):
            return  # one empty battery, one ticket
        fault, why = _fault(profile, signal.code), {"code": signal.code, "text": signal.text}
        state.rules[name] = {"s": "active", "at": at}
        verdicts.append(Raised(name, fault.severity, dict(fault.cause), fault.skill, fault.action, at, why,
                               fault.first_try))
    elif not signal.active and active:
        state.rules[name] = {"s": "clear", "at": at}
        verdicts.append(Cleared(name, at, {"code": signal.code}))


def judge_list(state: Known, signal: FaultList, now: Instant, verdicts: list[Verdict]) -> None:
    """Clears what the same part of the device named before and names no longer."""
    at = min(signal.at or now, now)
    for name, mark in state.rules.items():
        code = name.removeprefix("fault:")
        if code == name or mark["s"] != "active" or mark["at"] > at:
            continue
        if code in signal.codes:
            mark["part"] = signal.part or mark.get("part", "")
        elif _is_of(mark, code, signal.part):
            mark.update(s="clear", at=at)
            verdicts.append(Cleared(name, at, {"code": code}))


def _is_of(mark: dict[str, Any], code: str, part: str) -> bool:
    if "part" in mark:
        return not part or mark["part"] == part
    return bool(part) and code.startswith(f"{part}_")  # raised before parts were kept


def _fault(profile: Profile, code: str) -> Fault:
    """What the profile says of this code, or of every other; else plain words."""
    fault = profile.faults.get(code) or profile.faults.get("*")
    if fault is not None:
        return fault
    if code.endswith("battery_low"):
        return BATTERY_LOW
    cause = {"en": f"The device reports fault {code}", "de": f"Das Gerät meldet Störung {code}"}
    return Fault("major", cause, "", "ticket")


def _ruled(profile: Profile, state: Known, code: str) -> bool:
    return any(rule.name == code and all(name in state.signals for name in rule.when.needs) for rule in profile.rules)
