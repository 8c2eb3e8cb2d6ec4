"""The operator sees before the customer does: a line for each message, and a channel that fails is named at once."""

import json
import logging
import logging.handlers
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway.app.clock import now
from gateway.app.main import Running, health_probe
from gateway.flow.gateway import Gateway
from gateway.model import DAY, DISPATCHER, HOUR, MINUTE, Attempt, AttemptOutcome, Ticket, to_iso
from gateway.monitoring import logs
from gateway.notifications.channels import Channel, NotSent, Outcome, Unknown, build_channels
from gateway.notifications.channels.failing import failing
from gateway.notifications.messages import Message
from gateway.store import Store
from gateway.web import build_app
from gateway.web.server import Server
from tests.drivers.delivery_driver import NOON, DeliveryDriver, answering, delivery_driver
from tests.drivers.device_client import device_client
from tests.fixtures import servers
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites

pytestmark = pytest.mark.slow
PERSONAL = ("alice", "keller", "@", "4179", "wiesental", "lindenweg")


@pytest.fixture
def office(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> DeliveryDriver:
    return delivery_driver(store, smtp_server, webhook_server)


@pytest.fixture
def said() -> Iterator[list[logging.LogRecord]]:
    """What the deliverer has logged so far."""
    logger, kept = logging.getLogger("gateway.flow.deliver"), logging.handlers.BufferingHandler(10_000)
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield kept.buffer
    logger.removeHandler(kept)
    logger.setLevel(logging.NOTSET)


def lines(said: list[logging.LogRecord]) -> list[tuple[str, str, str, str]]:
    """(what happened, level, topic, channel) of each line."""
    return [(one.getMessage(), one.levelname, vars(one)["topic"], vars(one).get("channel", "")) for one in said]


def with_mail(office: DeliveryDriver, **changes: Any) -> None:
    """The mail server's settings are others from now on."""
    channels = office.settings.channels
    assert channels.email is not None
    email = channels.email.model_copy(update=changes)
    office.settings = office.settings.model_copy(update={"channels": channels.model_copy(update={"email": email})})
    office.channels = build_channels(office.settings)


def degraded(office: DeliveryDriver) -> list[str]:
    """What /readyz says of the channels, as a stranger reads it; times to the minute, as a try begins some real
    milliseconds after the others."""
    gateway = Gateway(office.settings, office.store, {}, office.channels)
    pulse = health_probe(gateway, "web", lambda: office.now)
    pulse.check()
    server = Server(build_app(gateway, lambda: office.now, Running(gateway, pulse).health), servers.HOST, 0)
    answer = httpx.get(f"http://{servers.HOST}:{server.port}/readyz").json()
    server.stop()
    pulse.close()
    assert not [word for word in (*PERSONAL, "127.0.0.1", "errno") if word in json.dumps(answer["degraded"]).lower()]
    return [re.sub(r":\d\d\.\d{3}Z$", "", line) for line in answer["degraded"]]


def test_each_message_that_is_sent_dropped_or_given_up_is_one_line_without_the_person(
        office: DeliveryDriver, said: list[logging.LogRecord]) -> None:
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", state="resolved", resolved_at=NOON, round=2)
    office.tell("fault_found", "2")
    office.deliver()
    del office.channels["webhook"]
    office.tell("undeliverable", "1", to=DISPATCHER, critical=True)
    office.change(Ticket, "T-1", state="new")
    office.deliver()
    assert lines(said) == [("message sent", "INFO", "fault_found", "email"),
                           ("message dropped", "INFO", "fault_found", ""),
                           ("message given up", "WARNING", "undeliverable", "")]
    assert vars(said[0])["to"] == "customer"
    assert vars(said[0])["notification"].startswith("N-")
    assert vars(said[1])["why"] == "fixed_first"
    shown = " ".join(str(value) for one in said for name, value in vars(one).items() if name in (
        "msg", "notification", "subject", "topic", "to", "channel", "contact", "why", "said", "kind")).lower()
    assert not [word for word in PERSONAL if word in shown]


def test_a_wrong_password_is_in_the_log_and_on_readyz_after_the_first_message(
        office: DeliveryDriver, said: list[logging.LogRecord]) -> None:
    with servers.smtp_server(login=("us", "right")) as box:
        with_mail(office, port=box.port, username="us", password=SecretStr("wrong"))
        office.tell("fault_found", "1")
        office.deliver()
        assert lines(said) == [("message failed", "WARNING", "fault_found", "email")]
        assert (vars(said[0])["kind"], vars(said[0])["said"]) == ("login refused", "535 5.7.8 no login for [e-mail]")
        assert degraded(office) == ["email: login refused, 1 try since 2026-11-23T11:00"]
        office.deliver(NOON + MINUTE)
        assert degraded(office) == ["email: login refused, 2 tries since 2026-11-23T11:00"]
        with_mail(office, port=box.port, username="us", password=SecretStr("right"))
        office.deliver(NOON + HOUR)
        assert len(box.mails) == 1
    assert lines(said)[-1][0] == "message sent"
    assert degraded(office) == []


@pytest.mark.parametrize(("how", "kind", "words"), [
    ({"security": "starttls"}, "no secure connection", "STARTTLS"),
    ({"security": "tls"}, "no secure connection", "SSL"),
    ({"port": 1}, "unreachable", "Connection refused"),
    ({"username": "us", "password": SecretStr("x")}, "login refused", "AUTH"),
    ({"host": "mail.invalid"}, "unreachable", ""),
])
def test_what_is_wrong_with_the_mail_server_has_a_name(office: DeliveryDriver, said: list[logging.LogRecord],
                                                      how: dict[str, Any], kind: str, words: str) -> None:
    with_mail(office, **how)
    office.tell("fault_found", "1")
    office.deliver()
    assert vars(said[0])["kind"] == kind
    assert words in vars(said[0])["said"]
    assert degraded(office) == [f"email: {kind}, 1 try since 2026-11-23T11:00"]


def test_a_refused_recipient_is_logged_and_is_no_failing_channel(
        office: DeliveryDriver, smtp_server: servers.SmtpServer, said: list[logging.LogRecord]) -> None:
    smtp_server.refused["alice@example.com"] = "550 5.1.1 <Alice@Example.com>: no mailbox ALICE here, see https://x.example/?u=7f"
    office.tell("fault_found", "1")
    office.deliver()
    assert lines(said) == [("message refused", "WARNING", "fault_found", "email"),
                           ("message sent", "INFO", "fault_found", "sms"),
                           ("message sent", "INFO", "contact_gone", "sms")]  # she hears that her mail does not work
    assert vars(said[0])["said"] == "550 5.1.1 <[address]>: no mailbox [address] here, see https://x.example/[path]"
    assert degraded(office) == []


def test_one_customers_web_hook_does_not_hide_the_others_and_is_counted(
        office: DeliveryDriver, webhook_server: servers.WebhookServer, said: list[logging.LogRecord]) -> None:
    webhook_server.replies += [(503, {}), (204, {})]
    office.now = now()  # by the gateway's own clock: what failed long ago does not count
    office.tell("undeliverable", "1", to=DISPATCHER, critical=True)
    office.change(Ticket, "T-1", state="new")
    office.deliver()
    assert vars(said[0])["said"] == "503 Service Unavailable"
    assert degraded(office) == ["webhook: server trouble at 1 of 1 address, last " + to_iso(office.now)[:16]]
    assert degraded_after(office, DAY) == []
    office.deliver(office.now + HOUR)
    assert degraded(office) == []


def degraded_after(office: DeliveryDriver, ms: int) -> list[str]:
    """The same tries, looked at so much later."""
    hook = office.channels["webhook"]
    one = Attempt(id="S-1", notification_id="N-1", contact_id="k-desk", channel="webhook", started_at=NOON,
                  finished_at=NOON, outcome=AttemptOutcome.FAILED, kind="unreachable")
    assert failing(hook, [one], NOON + ms - 1)
    return [line for line in [failing(hook, [one], NOON + ms)] if line]


def test_a_server_that_works_again_counts_for_a_channel_of_one_server_and_not_for_the_others_hooks() -> None:
    def attempt(contact: str, minute: int, kind: str | None) -> Attempt:
        return Attempt(id=f"S-{minute}", notification_id="N-1", contact_id=contact, channel="x",
                       started_at=NOON + minute * MINUTE, finished_at=NOON,
                       outcome=AttemptOutcome.FAILED if kind else AttemptOutcome.SENT, kind=kind)

    def send(address: str, message: Message, ref: str) -> Outcome:
        return Unknown(address)

    tries = [attempt("k-bob", 2, None), attempt("k-alice", 1, "no answer"), attempt("k-alice", 0, "unreachable")]
    one = Channel("email", "long", send)
    assert failing(one, tries, NOON) == ""
    assert failing(one, tries[1:], NOON + 9 * DAY) == "email: no answer, 2 tries since 2026-11-23T11:00:00.000Z"
    cut_off = attempt("k-bob", 3, None)
    cut_off.outcome = AttemptOutcome.UNKNOWN  # the gateway was killed while handing it over
    assert failing(one, [cut_off, *tries[1:]], NOON) == failing(one, tries[1:], NOON)
    each = one._replace(name="webhook", server_each=True)
    assert failing(each, tries, NOON) == "webhook: no answer at 1 of 2 addresses, last 2026-11-23T11:01:00.000Z"
    assert failing(each, [attempt("k-alice", 1, "recipient refused")], NOON) == ""


def test_a_message_that_cannot_be_worded_is_no_fault_of_the_channel(
        office: DeliveryDriver, said: list[logging.LogRecord]) -> None:
    office.tell("a_topic_without_words", "1")
    office.deliver()
    assert vars(said[-1])["kind"] == "unusable"
    assert degraded(office) == []


def test_the_lines_have_fields_in_a_json_log(capsys: pytest.CaptureFixture[str], office: DeliveryDriver) -> None:
    answering(office, "email", NotSent(False, "busy", kind="server trouble", said="421 +41 79 123 45 67 is busy"))
    office.tell("fault_found", "1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("json")
        office.deliver()
        [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert {name: line[name] for name in ("event", "level", "topic", "channel", "kind", "said", "to")} == {
        "event": "message failed", "level": "warning", "topic": "fault_found", "channel": "email",
        "kind": "server trouble", "said": "421 [phone] is busy", "to": "customer"}


@pytest.mark.parametrize(("words", "address", "kept"), [
    ("no such user Alice", "alice@example.com", "no such user [address]"),
    ("error for %2B41791234567", "+41791234567", "error for [address]"),
    ("POST https://hooks.example.com/T0/B1/xyz?k=1 failed", "", "POST https://hooks.example.com/[path] failed"),
    ("token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 expired", "", "token [token] expired"),
    ("535 5.7.8 authentication failed: UGFzc3dvcmQ6", "", "535 5.7.8 authentication failed: UGFzc3dvcmQ6"),
    ("454 4.7.0 Temporary authentication failure", "a@b.example", "454 4.7.0 Temporary authentication failure"),
])
def test_another_servers_words_are_quoted_without_what_is_personal(words: str, address: str, kept: str) -> None:
    assert logs.redact_quote(words, address) == kept


@pytest.mark.slow
def test_a_gateway_whose_messages_do_not_arrive_stays_ready_and_says_so_in_log_and_readyz_at_once(
        tmp_path: Path, sqlite_url: str, store: Store, memory_only_mosquitto: servers.Mosquitto) -> None:
    gone = f"http://{servers.HOST}:{servers.free_port()}"
    save_hundred_sites(store, 1, gone)
    with GatewayProcess(tmp_path, sqlite_url, memory_only_mosquitto.port) as gateway:
        gateway.wait_until_listening(store)
        with device_client(memory_only_mosquitto.port) as devices:
            devices.say("devices/button-0a/press", {"id": "1"})
            servers.wait_until(lambda: "message failed" in gateway.log.read_text(), 30, "the first try to fail")
        entries = [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]
        [port] = [entry["web"] for entry in entries if entry.get("event") == "gateway runs"]
        servers.wait_until(lambda: httpx.get(f"http://{servers.HOST}:{port}/readyz").json()["degraded"], 10,
                           "/readyz to name the channel")
        answer = httpx.get(f"http://{servers.HOST}:{port}/readyz")
    tried = next(entry for entry in entries if entry.get("event") == "message failed")
    assert {name: tried[name] for name in ("level", "topic", "to", "channel", "kind")} == {
        "level": "warning", "topic": "callback_scheduled", "to": "customer", "channel": "webhook",
        "kind": "unreachable"}
    assert "onnection refused" in tried["said"]
    assert "family" not in json.dumps(tried)
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    [degraded] = answer.json()["degraded"]
    assert degraded.startswith("webhook: unreachable at 1 of 1 address, last ")
