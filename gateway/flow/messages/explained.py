"""explained: why something is as it is, for the command, the API and the console alike."""

from gateway.explain import Explanation, explain
from gateway.explain.people.facts import Sending
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.notifications.catalogues import catalogue_for
from gateway.store.views.explain import facts_of, profile_of


def explained(gw: Gateway, subject_id: str, now: Instant, kind: str = "") -> Explanation | None:
    """None for no such id; `kind`: one of LOADERS of gateway/store/views/explain, where an id may be of several."""
    with gw.store.read() as session:
        facts = facts_of(session, subject_id, _sending(gw), now, kind)
    if facts is None:
        return None
    return explain(facts, gw.profiles.get(profile_of(facts)), catalogue_for("en"), now)


def _sending(gw: Gateway) -> Sending:
    service = gw.settings.service
    return Sending(
        channels=frozenset(gw.channels),
        paused_together=frozenset(name for name, channel in gw.channels.items() if not channel.server_each),
        knows_repeats=frozenset(name for name, channel in gw.channels.items() if channel.knows_repeats),
        limits=gw.settings.channels.limits, mode=service.mode, live_areas=service.live_areas)
