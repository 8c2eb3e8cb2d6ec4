"""Finds what an id is of, and loads what explains it."""

from collections.abc import Callable, Mapping

from sqlmodel import Session

from gateway.explain import Facts
from gateway.explain.facts import OutageFacts, SlaPolicyFacts
from gateway.explain.people.facts import CustomerFacts, NotificationFacts, ProviderFacts, Sending
from gateway.model import Instant
from gateway.store.views.explain import people, work

Loader = Callable[[Session, str, Sending, Instant], Facts | None]


def _of_work(load: Callable[[Session, str], Facts | None]) -> Loader:
    return lambda session, subject_id, sending, now: load(session, subject_id)


LOADERS: Mapping[str, Loader] = {  # in the order in which an id is looked for where its kind is not given
    "alarm": _of_work(work.alarm_facts), "ticket": _of_work(work.ticket_facts),
    "callback": _of_work(work.callback_facts), "outage": _of_work(work.outage_facts),
    "device": _of_work(work.device_facts), "sla_policy": _of_work(work.sla_policy_facts),
    "notification": people.notification_facts, "customer": people.customer_facts, "provider": people.provider_facts,
}


def facts_of(session: Session, subject_id: str, sending: Sending, now: Instant, kind: str = "") -> Facts | None:
    """The facts for an explanation of what has this id, of that `kind` if one is given; None for no such id."""
    loaders = LOADERS.values() if not kind else [LOADERS[kind]]
    return next((facts for load in loaders if (facts := load(session, subject_id, sending, now)) is not None), None)


def profile_of(facts: Facts) -> str:
    """The profile id of the device it is about, "" for what is about none."""
    if isinstance(facts, OutageFacts | SlaPolicyFacts | NotificationFacts | CustomerFacts | ProviderFacts):
        return ""
    return "" if facts.device is None else facts.device.profile
