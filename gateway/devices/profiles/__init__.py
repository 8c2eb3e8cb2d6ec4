"""Profiles: the signals, rules, fault codes and silence limits of a kind of device, from one YAML file each."""

from gateway.devices.profiles.compile import BadProfile, compile_profile
from gateway.devices.profiles.profile import (
    Condition,
    EvaluationError,
    Fault,
    HistoryNeeds,
    HitLimit,
    Limits,
    Profile,
    RemoteCommand,
    RemoteFixSpec,
    Rule,
    SignalConversion,
    SignalKind,
    Silence,
    misfits,
    read,
)
from gateway.rules.functions import Derived

__all__ = [
    "BadProfile", "Condition", "Derived", "Fault", "RemoteFixSpec", "HitLimit", "SignalConversion", "Limits",
    "HistoryNeeds", "Profile",
    "RemoteCommand", "Rule", "EvaluationError", "SignalKind", "Silence", "compile_profile", "misfits",
    "read",
]
