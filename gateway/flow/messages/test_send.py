"""test-send: an example of a message, marked as a test, to one address; nothing of it is kept but who sent it."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.config.error_messages import did_you_mean
from gateway.config.settings import Settings
from gateway.model import Instant
from gateway.notifications.channels import Channel, check_address
from gateway.notifications.charts.fault_course import CHARTED
from gateway.notifications.messages import Message, MessageRenderer
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.overrides import NO_OVERRIDES
from gateway.notifications.wording.sample import sample_chart, sample_facts


class BadContact(Exception):
    """There is no such contact, or nothing can be sent to it."""


class NoWording(Exception):
    """There is no such topic, or nobody has written that language."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def example(settings: Settings, renderer: MessageRenderer, topic: str, language: str, now: Instant, *,
            ours: bool = False, is_test: bool = False) -> Message:
    """How a message of this topic reads, with everything known. `ours`: in the built-in words, whatever the operator
    has written. Raises NoWording."""
    locale = language.replace("-", "_")
    written = [*renderer.catalogues.locales, *renderer.catalogues.derived]
    if topic not in list(TopicName):
        raise NoWording("topic", f"topic {topic!r} — {did_you_mean(topic, [one.value for one in TopicName])}")
    if locale not in written:
        known = [one.replace("_", "-") for one in written]
        raise NoWording("language", f"language {language!r} — {did_you_mean(language, known)}")
    facts = sample_facts(
        now, zone=settings.service.callback_timezone, service=settings.service.name, phone=settings.service.phone,
        link=settings.web.public_url, branding=settings.branding, is_test=is_test, topic=topic)
    if topic in CHARTED:
        facts = replace(facts, chart=sample_chart(now, facts.zone, renderer.catalogues.best_for(locale)))
    return (renderer.with_overrides(NO_OVERRIDES) if ours else renderer).word(topic, locale, facts)


def channel_for(settings: Settings, channels: Mapping[str, Channel], name: str, address: str) -> Channel:
    """The channel, if it can carry something to this address. Raises BadContact."""
    if name not in channels:
        raise BadContact(f"channel {name!r} — {did_you_mean(name, channels) if channels else 'none is configured'}")
    hook = settings.channels.webhook
    wrong = check_address(name, address, hook is not None and hook.allow_private)
    if wrong:
        raise BadContact(wrong)
    return channels[name]
