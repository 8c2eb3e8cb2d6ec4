"""Profiles: the signals, rules, fault codes and silence limits of a kind of device, from one YAML file each."""

from gateway.devices.profiles.compile import BadProfile, compile_profile
from gateway.devices.profiles.profile import (
    ButtonTestSpec,
    Condition,
    EvaluationError,
    Fault,
    HistoryNeeds,
    HitLimit,
    Limits,
    Profile,
    Reader,
    RemoteCommand,
    RemoteFixSpec,
    Rule,
    SignalConversion,
    SignalKind,
    Silence,
    misfits,
    read,
    reader_of,
)
from gateway.rules.functions import Derived

__all__ = [
    "BadProfile", "ButtonTestSpec", "Condition", "Derived", "Fault", "RemoteFixSpec", "HitLimit", "SignalConversion",
    "Limits", "HistoryNeeds", "Profile", "Reader",
    "RemoteCommand", "Rule", "EvaluationError", "SignalKind", "Silence", "compile_profile", "misfits",
    "read", "reader_of",
]
