"""When our own machine has no descriptor, file or memory left, no message fails for it: it waits and is sent later."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import pytest

from gateway.model import HOUR, MINUTE
from gateway.monitoring import file_descriptors
from gateway.notifications.catalogues import catalogues, load, messages
from gateway.notifications.channels import Channel, Outcome
from gateway.notifications.messages import Facts, Message, MessageRenderer
from gateway.notifications.topics import TopicName
from gateway.store import Store
from tests.drivers.delivery_driver import NOON, DeliveryDriver, delivery_driver
from tests.fixtures import servers
from tests.fixtures.any_facts import every_fact


@pytest.fixture
def office(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> DeliveryDriver:
    return delivery_driver(store, smtp_server, webhook_server)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """As 1,100 idle connections leave it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 400), before[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_while_no_descriptor_is_left_no_try_is_begun_and_then_everything_is_sent(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.deliver()  # the database is open
    key = office.tell("fault_found", "1", critical=True)
    with no_descriptor_left():
        assert file_descriptors.exhausted()
        for minute in range(60):
            office.deliver(NOON + minute * MINUTE)
    assert (office.note(key).state, office.tries(key)) == ("queued", [])
    office.deliver(NOON + HOUR)
    assert (office.note(key).state, office.tries(key)) == ("sent", [("email", "sent")])
    assert smtp_server.mails[0].to == ["alice@example.com"]


def test_a_mail_server_and_a_hook_that_cannot_be_reached_for_want_of_a_descriptor_were_never_tried(
        office: DeliveryDriver) -> None:
    """Found out only while sending: the last one went to somebody else a moment ago."""
    key = office.tell("fault_found", "1", critical=True)
    real, times = office.channels["email"], 0

    def send(address: str, message: Message, ref: str) -> Outcome:
        nonlocal times
        times += 1
        if times <= 12:
            with no_descriptor_left():
                return real.send(address, message, ref)
        return real.send(address, message, ref)

    office.channels["email"] = Channel("email", "long", send)
    for minute in range(120):
        office.deliver(NOON + minute * MINUTE)
    assert office.note(key).state == "sent"
    assert office.tries(key) == [("email", "postponed")] * 12 + [("email", "sent")]


def test_a_channel_that_breaks_for_want_of_a_descriptor_has_sent_nothing(office: DeliveryDriver,
                                                                         smtp_server: servers.SmtpServer) -> None:
    key = office.tell("fault_found", "1")
    real, broken = office.channels["email"], [ValueError("no"), OSError(errno.EMFILE, "Too many open files")]

    def send(address: str, message: Message, ref: str) -> Outcome:
        if broken:
            raise broken.pop(0) from OSError(errno.ENFILE, "the whole machine")
        return real.send(address, message, ref)

    office.channels["email"] = Channel("email", "long", send)
    for minute in range(5):
        office.deliver(NOON + minute * MINUTE)
    assert office.tries(key) == [("email", "postponed")] * 2 + [("email", "sent")]


class Unreadable(MessageRenderer):
    """Needs a file, e.g. that of a time zone, for which no descriptor is left."""

    def __init__(self) -> None:
        super().__init__({"layout.html.j2": ""}, catalogues())

    def word(self, topic: str, locale: str, facts: Facts, form: Literal["short", "long"] = "long"
             ) -> Message:
        raise OSError(errno.EMFILE, "Too many open files")


def test_a_message_that_lacks_a_file_for_its_words_is_a_failure_to_retry(office: DeliveryDriver,
                                                                         smtp_server: servers.SmtpServer) -> None:
    key = office.tell("fault_found", "1", critical=True)
    office.messages = Unreadable()
    for minute in range(60):
        office.deliver(NOON + minute * MINUTE)
    office.messages = messages()
    assert office.note(key).state == "queued"
    assert {outcome for _, outcome in office.tries(key)} == {"postponed"}
    assert len(office.tries(key)) < 30, "asked less and less often"
    office.deliver(NOON + 2 * HOUR)
    assert office.note(key).state == "sent"


def test_once_started_no_message_needs_a_file(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    load()
    with no_descriptor_left():
        for topic in TopicName:
            for locale in catalogues().locales:
                assert messages().word(topic, locale, every_fact(NOON, NOON + HOUR, "words")).subject
