"""Raises and clears alarms for fault codes that a device reports itself."""

from gateway.config.quotas import FAULTS_AN_HOUR, FAULTS_AT_ONCE, FAULTS_LISTED, FAULTS_REMEMBERED
from gateway.detection.device_state import FAULT, MANY, ClaimedDevice, Cleared, Raised, Verdict
from gateway.detection.memory import ExcessFaults, FaultState, changed
from gateway.devices.profiles import Fault, Profile
from gateway.model import HOUR, Instant, Severity
from gateway.model.signals import FaultCode, FaultList

_MANY = {"en": "The device reports many faults at once", "de": "Das Gerät meldet viele Störungen auf einmal",
         "hi": "डिवाइस एक साथ कई खराबियाँ बता रहा है", "es": "El equipo avisa de muchas averías a la vez",
         "fr": "L’appareil signale beaucoup de pannes à la fois"}

BATTERY_LOW = Fault(Severity.MINOR, {"en": "The device's battery is nearly empty",
                                     "de": "Die Batterie des Geräts ist fast leer",
                                     "hi": "डिवाइस की बैटरी लगभग खत्म है",
                                     "es": "La batería del equipo está casi agotada",
                                     "fr": "La pile de l’appareil est presque vide"}, "", "ticket")


def judge_fault(profile: Profile, state: ClaimedDevice, signal: FaultCode, now: Instant,
                verdicts: list[Verdict]) -> None:
    """Raises or clears `fault:<code>`; a report older than the newest one on that code changes nothing.

    A code named like one of the profile's rules is that rule's business while the device sends what the rule needs.
    """
    name, at = FAULT + signal.code, min(signal.at or now, now)
    known = state.memory.faults.get(signal.code)
    if known is not None and at < known.at:
        return
    active = known is not None and known.active
    if signal.active and not active:
        if _ruled(profile, state, signal.code):
            return  # one empty battery, one ticket
        fault, why = _fault(profile, signal.code), {"code": signal.code, "text": signal.text}
        if _too_many(profile, state, signal.code, now):
            _one_of_many(state, signal.code, fault, at, now, verdicts)
            return
        _set_fault(state, signal.code, FaultState(True, at))
        verdicts.append(Raised(name, fault.severity, dict(fault.cause), fault.skill, fault.action, at, why,
                               fault.remote_fix, danger=fault.danger))
    elif not signal.active and active:
        _set_fault(state, signal.code, FaultState(False, at))
        verdicts.append(Cleared(name, at, {"code": signal.code}))
        _forget_the_oldest(state)
    if not signal.active:
        _fewer(state, signal.code, at, now, verdicts)


def _set_fault(state: ClaimedDevice, code: str, report: FaultState) -> None:
    state.remember(faults=changed(state.memory.faults, code, report))


def _too_many(profile: Profile, state: ClaimedDevice, code: str, now: Instant) -> bool:
    """Whether this one has no alarm of its own any more. What the profile itself calls critical or dangerous
    always has."""
    named = profile.faults.get(code)
    if named is not None and (named.danger or named.severity == Severity.CRITICAL):
        return False
    return _active(state) >= FAULTS_AT_ONCE or _lately(state, now) >= FAULTS_AN_HOUR


def _active(state: ClaimedDevice) -> int:
    return sum(one.active for one in state.memory.faults.values())


def _lately(state: ClaimedDevice, now: Instant) -> int:
    return sum(one.at > now - HOUR for one in state.memory.faults.values())


def _one_of_many(state: ClaimedDevice, code: str, fault: Fault, at: Instant, now: Instant,
                 verdicts: list[Verdict]) -> None:
    """One alarm for all that the device reports beyond its quota."""
    many = state.memory.many_faults
    if many is None:
        state.remember(many_faults=ExcessFaults(at, now, (code,)))
        why = {"code": f"{code}, …", "most": FAULTS_AT_ONCE}
        verdicts.append(Raised(MANY, fault.severity, dict(_MANY), fault.skill, "ticket", at, why))
    elif code not in many.codes:
        many = many._replace(last=now, due=None)
        state.remember(many_faults=many._replace(codes=(*many.codes, code)) if len(many.codes) < FAULTS_LISTED
                       else many._replace(more=True))


def _fewer(state: ClaimedDevice, code: str, at: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """It ends with the last of the codes beyond; when not all of them could be listed, with the device's last fault.
    What comes and goes all the time is over when nothing new has come for an hour."""
    many = state.memory.many_faults
    if many is None:
        return
    many = many._replace(codes=tuple(one for one in many.codes if one != code))
    if many.codes or (many.more and _active(state)):
        state.remember(many_faults=many)
    elif _lately(state, now) >= FAULTS_AN_HOUR:
        state.remember(many_faults=many._replace(due=many.last + HOUR))
    else:
        state.remember(many_faults=None)
        verdicts.append(Cleared(MANY, at, {"code": code}))


def clear_excess_faults(state: ClaimedDevice, now: Instant, verdicts: list[Verdict]) -> None:
    """The clock looks: an hour without another fault beyond the quota."""
    many = state.memory.many_faults
    if many is not None and many.due is not None and many.due <= now:
        state.remember(many_faults=None)
        verdicts.append(Cleared(MANY, now, {}))


def _forget_the_oldest(state: ClaimedDevice) -> None:
    faults = state.memory.faults
    over = sorted((code for code, one in faults.items() if not one.active), key=lambda code: faults[code].at)
    if len(over) > FAULTS_REMEMBERED:
        forgotten = over[:-FAULTS_REMEMBERED]
        state.remember(faults={code: one for code, one in faults.items() if code not in forgotten})


def clear_unlisted_faults(state: ClaimedDevice, signal: FaultList, now: Instant, verdicts: list[Verdict]) -> None:
    """Clears what the same part of the device named before and names no longer."""
    at = min(signal.at or now, now)
    for code, one in state.memory.faults.items():
        if not one.active or one.at > at:
            continue
        if code in signal.codes:
            _set_fault(state, code, one._replace(part=signal.part or one.part or ""))
        elif _is_of(one, code, signal.part):
            _set_fault(state, code, FaultState(False, at, one.part))
            verdicts.append(Cleared(FAULT + code, at, {"code": code}))
    _forget_the_oldest(state)
    many = state.memory.many_faults
    for code in () if many is None else many.codes:
        if code not in signal.codes and not code.endswith("battery_low") and (
                not signal.part or code.startswith(f"{signal.part}_")):
            _fewer(state, code, at, now, verdicts)


def _is_of(one: FaultState, code: str, part: str) -> bool:
    if one.part is not None:
        return not part or one.part == part
    return bool(part) and code.startswith(f"{part}_")  # raised before its part was known


def _fault(profile: Profile, code: str) -> Fault:
    """What the profile says of this code, or of every other; else plain words."""
    fault = profile.faults.get(code) or profile.faults.get("*")
    if fault is not None:
        return fault
    if code.endswith("battery_low"):
        return BATTERY_LOW
    cause = {"en": f"The device reports fault {code}", "de": f"Das Gerät meldet Störung {code}",
             "hi": f"डिवाइस खराबी {code} बता रहा है", "es": f"El equipo avisa de la avería {code}",
             "fr": f"L’appareil signale la panne {code}"}
    return Fault(Severity.MAJOR, cause, "", "ticket")


def _ruled(profile: Profile, state: ClaimedDevice, code: str) -> bool:
    return any(rule.name == code and all(name in state.signals for name in rule.when.needs) for rule in profile.rules)
