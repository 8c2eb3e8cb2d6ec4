"""Profiles: what the gateway knows of each kind of device, from one YAML file a kind."""

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
