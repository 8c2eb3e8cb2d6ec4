"""Faults that a device names itself."""

from typing import Any

from gateway.detection.state import MANY, Cleared, Known, Raised, Verdict
from gateway.dialects.signals import FaultCode, FaultList
from gateway.model import HOUR, Instant, Severity
from gateway.profiles import Fault, Profile
from gateway.quotas import FAULTS_AN_HOUR, FAULTS_AT_ONCE, FAULTS_LISTED, FAULTS_REMEMBERED

_MANY = {"en": "The device reports many faults at once", "de": "Das Gerät meldet viele Störungen auf einmal"}

BATTERY_LOW = Fault(Severity.MINOR, {"en": "The device's battery is nearly empty",
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
        if _too_many(profile, state, signal.code, now):
            _one_of_many(state, signal.code, fault, at, now, verdicts)
            return
        state.rules[name] = {"s": "active", "at": at}
        verdicts.append(Raised(name, fault.severity, dict(fault.cause), fault.skill, fault.action, at, why,
                               fault.first_try))
    elif not signal.active and active:
        state.rules[name] = {"s": "clear", "at": at}
        verdicts.append(Cleared(name, at, {"code": signal.code}))
        _forget_the_oldest(state.rules)
    if not signal.active and MANY in state.rules:
        _fewer(state, signal.code, at, now, verdicts)


def _too_many(profile: Profile, state: Known, code: str, now: Instant) -> bool:
    """Whether this one has no alarm of its own any more. What the profile itself calls critical always has."""
    named = profile.faults.get(code)
    if named is not None and named.severity == Severity.CRITICAL:
        return False
    return _active(state.rules) >= FAULTS_AT_ONCE or _lately(state.rules, now) >= FAULTS_AN_HOUR


def _active(rules: dict[str, dict[str, Any]]) -> int:
    return sum(mark["s"] == "active" for name, mark in rules.items() if name.startswith("fault:"))


def _lately(rules: dict[str, dict[str, Any]], now: Instant) -> int:
    return sum(mark["at"] > now - HOUR for name, mark in rules.items() if name.startswith("fault:"))


def _one_of_many(state: Known, code: str, fault: Fault, at: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """One alarm for all that the device reports beyond its quota."""
    mark = state.rules.get(MANY)
    if mark is None:
        state.rules[MANY] = {"s": "active", "at": at, "last": now, "codes": [code], "more": False}
        why = {"code": f"{code}, …", "most": FAULTS_AT_ONCE}
        verdicts.append(Raised(MANY, fault.severity, dict(_MANY), fault.skill, "ticket", at, why))
    elif code not in mark["codes"]:
        listed = len(mark["codes"]) < FAULTS_LISTED
        mark = state.rules[MANY] = mark | ({"codes": [*mark["codes"], code]} if listed else {"more": True})
        mark["last"] = now
        mark.pop("due", None)


def _fewer(state: Known, code: str, at: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """It ends with the last of the codes beyond; when not all of them could be listed, with the device's last fault.
    What comes and goes all the time is over when nothing new has come for an hour."""
    mark = state.rules[MANY]
    left = [one for one in mark["codes"] if one != code]
    mark = state.rules[MANY] = mark | {"codes": left}
    if not left and not (mark["more"] and _active(state.rules)):
        if _lately(state.rules, now) >= FAULTS_AN_HOUR:
            mark["due"] = mark["last"] + HOUR
        else:
            del state.rules[MANY]
            verdicts.append(Cleared(MANY, at, {"code": code}))


def calmed_down(state: Known, now: Instant, verdicts: list[Verdict]) -> None:
    """The clock looks: an hour without another fault beyond the quota."""
    mark = state.rules[MANY]
    if "due" in mark and mark["due"] <= now:
        del state.rules[MANY]
        verdicts.append(Cleared(MANY, now, {}))


def _forget_the_oldest(rules: dict[str, dict[str, Any]]) -> None:
    over = [name for name, mark in rules.items() if name.startswith("fault:") and mark["s"] == "clear"]
    for name in sorted(over, key=lambda name: rules[name]["at"])[:max(0, len(over) - FAULTS_REMEMBERED)]:
        del rules[name]


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
    _forget_the_oldest(state.rules)
    beyond = state.rules.get(MANY, {}).get("codes", [])
    for code in [one for one in beyond if one not in signal.codes and not one.endswith("battery_low")
                 and (not signal.part or one.startswith(f"{signal.part}_"))]:
        if MANY in state.rules:
            _fewer(state, code, at, now, verdicts)


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
    return Fault(Severity.MAJOR, cause, "", "ticket")


def _ruled(profile: Profile, state: Known, code: str) -> bool:
    return any(rule.name == code and all(name in state.signals for name in rule.when.needs) for rule in profile.rules)
