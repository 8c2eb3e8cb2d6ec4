"""Tells the dispatcher of templates that broke when a message was due, each once a day."""

from collections.abc import Callable, Iterable

from gateway.model import DAY, DISPATCHER, Instant, Notification, Subject, SubjectKind
from gateway.notifications.compose import compose
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.overrides import BrokenWording


def broken_wordings(found: Iterable[tuple[str, BrokenWording]], new_id: Callable[[str], str], now: Instant
                    ) -> list[Notification]:
    """`found`: (topic of the message, the template and why); each template once. Whoever was told today need not hear
    of it again: that the caller knows."""
    first = {broken.name: (topic, broken.why) for topic, broken in reversed(list(found))}
    return [compose(new_id("N"), DISPATCHER, TopicName.WORDING_BROKEN, Subject(SubjectKind.GATEWAY, name), now // DAY,
                    now, facts={"told_topic": topic, "why": why}) for name, (topic, why) in first.items()]
