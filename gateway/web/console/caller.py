"""Decides whether a caller has shown that they are of a household: what they say is compared, and nothing is said."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.callbacks.call_context.facts import CallFacts
from gateway.devices.profiles import Profile
from gateway.model import RESIDENTS
from gateway.store.search.terms import terms_of, terms_of_street


@dataclass(frozen=True)
class Said:
    """What the caller has answered; "" for what they were not asked."""

    name: str = ""
    street: str = ""
    postcode: str = ""
    device: str = ""


def doubts(said: Said, facts: CallFacts, profiles: Iterable[Profile]) -> list[str]:
    """What does not fit, in sentences that do not tell what would; none: it is one of the household. Their name is
    needed, and one thing more."""
    checks = list(_checks(said, facts, profiles))
    wrong = [f"The {what} does not match." for what, fits in checks if not fits]
    if not said.name.strip():
        wrong.append("Ask for their name first.")
    elif len(checks) < 2 and not wrong:
        wrong.append("Ask for one more thing: many people may know the name.")
    return wrong


def _checks(said: Said, facts: CallFacts, profiles: Iterable[Profile]) -> Iterator[tuple[str, bool]]:
    names = [facts.customer.name, *(one.name for one in facts.people if one.role in RESIDENTS)]
    if said.name.strip():
        yield "name", any(_within(terms_of(said.name), terms_of(name)) for name in names)
    if said.street.strip():
        known = terms_of_street(facts.site.street)
        numbers = {term for term in known if term[:1].isdigit()}
        given = terms_of_street(said.street)
        yield "street", _within(given, known | terms_of(facts.site.town, facts.site.postcode)) and numbers <= given
    if said.postcode.strip():
        yield "postcode", _within(terms_of(said.postcode), terms_of(facts.site.postcode, facts.site.town))
    if said.device.strip():
        kinds = {profile.id: profile for profile in profiles}
        yield "device", any(_within(terms_of(said.device), terms_of(device.name, *_called(kinds.get(device.profile))))
                            for device, _ in facts.devices)


def _called(profile: Profile | None) -> Iterable[str]:
    return () if profile is None else profile.names.values()


def _within(given: set[str], known: set[str]) -> bool:
    return bool(given) and given <= known
