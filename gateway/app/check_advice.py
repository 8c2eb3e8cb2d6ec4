"""What `gateway check` asks about the words that people read until somebody comes."""

from collections.abc import Iterator, Mapping

from gateway.devices.profiles import Profile
from gateway.model import Severity


def advice_warnings(profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Critical causes without advice: the customer's page says nothing of what to do now."""
    for name, profile in sorted(profiles.items()):
        for cause in _without_advice(profile):
            yield (f"profile {name}: {cause} is critical and has no advice, so the customer's page does not say what "
                   'to do until somebody comes — expected e.g. advice: {en: "Turn off the main tap."}')


def _without_advice(profile: Profile) -> Iterator[str]:
    for rule in profile.rules:
        worst = [rule.severity, *(severity for severity, _ in rule.rises)]
        if Severity.CRITICAL in worst and rule.action == "ticket" and not rule.dry_run and rule.advice is None:
            yield f"rules.{rule.name}"
    for code, fault in sorted(profile.faults.items()):
        if fault.severity is Severity.CRITICAL and fault.action == "ticket" and fault.advice is None:
            yield f"faults.{code}"
