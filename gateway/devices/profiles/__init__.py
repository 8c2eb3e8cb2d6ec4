"""Profiles: the signals, rules, fault codes and silence limits of a kind of device, from one YAML file each."""

from gateway.devices.profiles.compile import BadProfile, compile_profile
from gateway.devices.profiles.profile import (
    Condition,
    Fault,
    FirstTry,
    Hits,
    Intake,
    Limits,
    Past,
    Profile,
    RemoteCommand,
    Rule,
    RuleBroken,
    SignalKind,
    Silence,
    misfits,
    read,
)
from gateway.rules.functions import Derived

__all__ = [
    "BadProfile", "Condition", "Derived", "Fault", "FirstTry", "Hits", "Intake", "Limits", "Past", "Profile",
    "RemoteCommand", "Rule", "RuleBroken", "SignalKind", "Silence", "compile_profile", "misfits",
    "read",
]
