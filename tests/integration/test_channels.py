"""The ways out, against real servers: what each answer, silence and broken line is taken for."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook as Verifier

from gateway.config.settings import Channels, Settings, Smtp, Webhook
from gateway.notifications.channels import (
    Channel,
    NotSent,
    Receipt,
    Sent,
    Unknown,
    build_channels,
    check_address,
    email,
    webhook,
)
from tests.fixtures import servers
from tests.fixtures.channel_fakes import NEWS, hangs_up_after_the_request, scripted_server

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0b3duIG9mIFdpZXNlbnRhbA=="
ALICE = "alice@example.com"


def mail_channel(port: int, **more: Any) -> Channel:
    smtp = Smtp.model_validate({"host": servers.HOST, "port": port, "sender": "service@wiesental.example",
                                "sender_name": "Wiesental Service, Ltd", "security": "none"} | more)
    return build_channels(Settings(channels=Channels(email=smtp)))["email"]


@contextmanager
def picky_smtp(**replies: str) -> Iterator[int]:
    """A real SMTP server that answers RCPT or MAIL as told."""

    class Picky:
        async def handle_RCPT(self, _s: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:
            envelope.rcpt_tos.append(address)
            return replies.get("RCPT", "250 ok")

        async def handle_MAIL(self, _s: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:
            envelope.mail_from = address
            return replies.get("MAIL", "250 ok")

    port = servers.free_port()
    controller = Controller(Picky(), hostname=servers.HOST, port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def falls_silent_after_data(caller: socket.socket) -> None:
    caller.sendall(b"220 hello\r\n")
    lines = caller.makefile("rb")
    for line in lines:
        if line.upper().startswith(b"DATA"):
            caller.sendall(b"354 go on\r\n")
            while lines.readline() not in (b".\r\n", b""):
                pass
            return
        caller.sendall(b"250 ok\r\n")


def test_nothing_configured_is_no_channel() -> None:
    assert build_channels(Settings()) == {}


# --- e-mail

def test_a_mail_arrives_as_text_and_html_from_the_service(smtp_server: servers.SmtpServer) -> None:
    outcome = mail_channel(smtp_server.port).send(ALICE, NEWS, "N-1_K-1")
    [mail] = smtp_server.mails
    assert outcome == Sent("<N-1_K-1@wiesental.example>")
    assert mail.to == [ALICE]
    assert mail.message["Message-ID"] == "<N-1_K-1@wiesental.example>"
    assert mail.message["From"] == '"Wiesental Service, Ltd" <service@wiesental.example>'
    assert mail.message["Subject"] == NEWS.subject
    assert mail.text.replace("\r\n", "\n") == NEWS.long_text, "a line that begins with a dot must survive SMTP"
    html = mail.message.get_body(("html",))
    assert html is not None
    assert "<p>Hello Alice</p>" in html.get_content()


def test_a_name_cannot_add_a_header(smtp_server: servers.SmtpServer) -> None:
    channel = mail_channel(smtp_server.port)
    outcomes = [channel.send(ALICE, replace(NEWS, subject="hi\r\nBcc: eve@example.com"), "N-1"),
                channel.send("alice@example.com\r\nBcc: eve@example.com", NEWS, "N-1"),
                channel.send("alice@example.com, eve@example.com", NEWS, "N-1")]
    assert all(isinstance(outcome, NotSent) and outcome.permanent for outcome in outcomes)
    assert smtp_server.mails == []


@pytest.mark.parametrize(("reply", "permanent", "gone"), [
    ("550 5.1.1 no such user", True, True),
    ("550 unknown mailbox", True, True),
    ("552 5.2.2 mailbox full", True, False),
    ("550 5.7.1 policy", True, False),
    ("451 4.7.1 greylisted", False, False),
])
def test_a_refused_recipient_is_read_as_what_it_means(reply: str, permanent: bool, gone: bool) -> None:
    with picky_smtp(RCPT=reply) as port:
        outcome = mail_channel(port).send(ALICE, NEWS, "N-1")
    assert isinstance(outcome, NotSent)
    assert (outcome.permanent, outcome.gone) == (permanent, gone)
    assert "alice" not in outcome.why


@pytest.mark.parametrize(("reply", "permanent"), [("554 5.7.1 looks like spam", True), ("452 4.3.1 disk full", False)])
def test_a_refused_message_stops_no_contact(smtp_server: servers.SmtpServer, reply: str, permanent: bool) -> None:
    smtp_server.replies.append(reply)
    outcome = mail_channel(smtp_server.port).send(ALICE, NEWS, "N-1")
    assert isinstance(outcome, NotSent)
    assert (outcome.permanent, outcome.gone) == (permanent, False)


def test_our_own_mistakes_are_no_fault_of_the_address() -> None:
    with picky_smtp(MAIL="553 5.7.1 not your domain") as port:
        assert mail_channel(port).send(ALICE, NEWS, "N-1") == NotSent(
            False, "the mail server refused our own address (553)")


def test_a_mail_server_that_is_down_is_tried_again() -> None:
    outcome = mail_channel(servers.free_port()).send(ALICE, NEWS, "N-1")
    assert outcome == NotSent(False, "the mail server could not be used (ConnectionRefusedError)")


def test_a_server_without_encryption_gets_no_mail_when_encryption_was_asked_for(
        smtp_server: servers.SmtpServer) -> None:
    outcome = mail_channel(smtp_server.port, security="starttls").send(ALICE, NEWS, "N-1")
    assert isinstance(outcome, NotSent)
    assert not outcome.permanent
    assert smtp_server.mails == []


def test_silence_after_the_message_is_an_unknown_outcome() -> None:
    with scripted_server(falls_silent_after_data) as port:
        outcome = mail_channel(port).send(ALICE, NEWS, "N-1")
    assert isinstance(outcome, Unknown)


def test_a_server_that_hangs_up_before_the_message_is_simply_tried_again() -> None:
    with scripted_server(lambda caller: caller.sendall(b"220 hello\r\n")) as port:
        outcome = mail_channel(port).send(ALICE, NEWS, "N-1")
    assert isinstance(outcome, NotSent)
    assert not outcome.permanent


def test_the_mail_says_it_was_written_by_a_machine() -> None:
    smtp = Smtp(host="h", sender="service@wiesental.example")
    assert email.compose(smtp, ALICE, NEWS, "N-1")["Auto-Submitted"] == "auto-generated"


# --- webhook

@pytest.fixture
def hook() -> Channel:
    settings = Settings(channels=Channels(webhook=Webhook(secret=SecretStr(SECRET), allow_private=True)))
    return build_channels(settings)["webhook"]


def test_a_webhook_is_signed_and_says_the_same_id_each_time(
        hook: Channel, webhook_server: servers.WebhookServer) -> None:
    for _ in range(2):
        assert hook.send(f"{webhook_server.url}/hook", NEWS, "N-1_K-1") == Sent("N-1_K-1")
    first, second = webhook_server.posts
    for post in (first, second):
        body = Verifier(SECRET).verify(post.body, {name.lower(): value for name, value in post.headers.items()})
        assert body["type"] == "fault_found"
        assert body["data"]["number"] == "T-1"
        assert body["data"]["text"] == NEWS.short
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "N-1_K-1"


@pytest.mark.parametrize(("status", "permanent", "gone"), [
    (410, True, True), (400, True, False), (404, True, False), (302, True, False),
    (408, False, False), (425, False, False), (429, False, False), (500, False, False), (503, False, False),
])
def test_an_answer_says_whether_another_try_can_help(
    hook: Channel, webhook_server: servers.WebhookServer, status: int, permanent: bool, gone: bool,
) -> None:
    webhook_server.replies.append((status, {}))
    assert hook.send(webhook_server.url, NEWS, "N-1") == NotSent(permanent, f"answered {status}", None, gone)


@pytest.mark.parametrize(("body", "outcome"), [
    (b"", Sent("N-1", Receipt.ARRIVED)), (b"ok", Sent("N-1", Receipt.ARRIVED)),
    (b'{"status": "opened"}', Sent("N-1", Receipt.OPENED)), (b'{"status": "read"}', Sent("N-1", Receipt.OPENED)),
    (b'{"status": "delivered", "more": [1]}', Sent("N-1", Receipt.DELIVERED)),
    (b'{"status": "queued"}', Sent("N-1", Receipt.ARRIVED)), (b'{"status": 7}', Sent("N-1", Receipt.ARRIVED)),
    (b'["opened"]', Sent("N-1", Receipt.ARRIVED)), (b'{"status": "opened"', Sent("N-1", Receipt.ARRIVED)),
    (b'{"a":' * 800 + b"1" + b"}" * 800, Sent("N-1", Receipt.ARRIVED)), (b"\xff\xfe{", Sent("N-1", Receipt.ARRIVED)),
    (b'{"status": "opened"}' + b" " * 5000, Sent("N-1", Receipt.ARRIVED)),  # longer than such an answer may be
    (b'{"status": "rejected"}', NotSent(True, "the other side rejected it")),
    (b'{"status": "unknown_recipient"}', NotSent(True, "the other side knows no such recipient", gone=True)),
], ids=lambda one: one[:24].decode("latin-1") if isinstance(one, bytes) else "")
def test_the_answer_may_say_what_became_of_it(hook: Channel, webhook_server: servers.WebhookServer, body: bytes,
                                              outcome: Sent | NotSent) -> None:
    webhook_server.bodies.append(body)
    said = hook.send(webhook_server.url, NEWS, "N-1")
    assert said == outcome
    if isinstance(said, Sent) and isinstance(outcome, Sent):
        assert said.receipt is outcome.receipt


def test_what_a_refusal_says_besides_does_not_count(hook: Channel, webhook_server: servers.WebhookServer) -> None:
    webhook_server.replies.append((503, {}))
    webhook_server.bodies.append(b'{"status": "opened"}')
    assert hook.send(webhook_server.url, NEWS, "N-1") == NotSent(False, "answered 503")


def test_a_redirect_is_not_followed(hook: Channel, webhook_server: servers.WebhookServer) -> None:
    webhook_server.replies.append((307, {"Location": f"{webhook_server.url}/inside"}))
    hook.send(webhook_server.url, NEWS, "N-1")
    assert len(webhook_server.posts) == 1


def test_the_other_side_may_ask_for_patience(hook: Channel, webhook_server: servers.WebhookServer) -> None:
    webhook_server.replies += [(429, {"Retry-After": "120"}), (503, {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"})]
    assert hook.send(webhook_server.url, NEWS, "N-1") == NotSent(False, "answered 429", 120)
    assert hook.send(webhook_server.url, NEWS, "N-1") == NotSent(False, "answered 503", None)


def test_nobody_listening_is_temporary_and_a_line_that_breaks_is_unknown(hook: Channel) -> None:
    nobody = hook.send(f"http://{servers.HOST}:{servers.free_port()}", NEWS, "N-1")
    assert isinstance(nobody, NotSent)
    assert not nobody.permanent
    with scripted_server(hangs_up_after_the_request) as port:
        assert isinstance(hook.send(f"http://{servers.HOST}:{port}", NEWS, "N-1"), Unknown)


def test_no_answer_in_time_is_unknown(webhook_server: servers.WebhookServer) -> None:
    send = webhook.sender(Webhook(secret=SecretStr(SECRET), allow_private=True), answer_s=0.2)
    webhook_server.delay = 0.6
    assert isinstance(send(webhook_server.url, NEWS, "N-1"), Unknown)


def test_a_customers_webhook_cannot_reach_inside_our_own_network(webhook_server: servers.WebhookServer) -> None:
    guarded = webhook.PublicOnly()
    port = int(webhook_server.url.rpartition(":")[2])
    for host in ("127.0.0.1", "localhost", "0x7f000001", "2130706433", "0.0.0.0", "::1", "::ffff:127.0.0.1",
                 "10.0.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "64:ff9b::7f00:1"):
        with pytest.raises(webhook.NotPublic):
            guarded.connect_tcp(host, port, timeout=1)
    assert webhook_server.posts == []


def test_the_guard_is_in_the_way_of_every_real_send() -> None:
    send = webhook.sender(Webhook(secret=SecretStr(SECRET)))
    assert send("https://localhost/hook", NEWS, "N-1") == NotSent(True, "the host is not on the public internet")
    assert send("http://example.com/hook", NEWS, "N-1") == NotSent(True, "not a usable web address")


# every block that the IANA special-purpose registries (2026) do not call globally reachable, multicast, what is no
# longer handed out (fec0::/10, ::/96), and addresses in disguise: the first, a middle and the last of each are tried
CLOSED = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/31", "192.0.0.192/32", "192.0.2.0/24", "192.88.99.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "255.255.255.255/32", "::/128", "::1/128", "::/96", "::808:808/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
    "2001:2::/48", "2001:10::/28", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8", "::ffff:10.0.0.0/104", "::ffff:127.0.0.0/104", "::ffff:0:808:808/128", "64:ff9b::10.0.0.0/104",
    "64:ff9b::c000:c0/128", "2002:a00::/24", "2002:7f00::/24", "2002:c000:c0::/48",
    "4000::/3", "8000::/3", "a000::/3", "c000::/3", "e000::/4", "f000::/5",
)


@pytest.mark.parametrize("block", CLOSED)
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    net = ipaddress.ip_network(block)
    for address in (net[0], net[net.num_addresses // 2], net[-1]):
        assert not webhook.is_public(str(address)), address


@pytest.mark.parametrize("address", [
    "8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1", "1.1.1.1",
    "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.0",
    "192.0.1.0", "198.17.0.1", "198.20.0.0", "223.255.255.255",
    "2a00:1450:4001::1", "2600::1", "2620:4f:7fff::1", "2001:200::1", "3ffe::1", "2003::1"])
def test_the_open_internet_is_public(address: str) -> None:
    assert webhook.is_public(address)


# --- addresses

@pytest.mark.parametrize(("channel", "address"), [
    ("email", "alice@example.com"), ("email", "o'neill+pump@sub.example.co.uk"), ("email", "root@localhost"),
    ("sms", "+41791234567"), ("webhook", "https://example.com:8443/hook?x=1"), ("chat", "@alice"),
])
def test_a_good_address_passes(channel: str, address: str) -> None:
    assert check_address(channel, address) is None


@pytest.mark.parametrize(("channel", "address", "expected"), [
    ("email", "alice", "like anna@example.com"),
    ("email", "alice@example.com\nBcc: eve@example.com", "like anna@example.com"),
    ("email", "a..b@example.com", "like anna@example.com"),
    ("email", "alice@exa mple.com", "like anna@example.com"),
    ("email", "a" * 65 + "@example.com", "like anna@example.com"),
    ("sms", "0791234567", "has no international prefix"),
    ("sms", "+41 79 123 45 67", "expected +41791234567"),
    ("sms", "+41111111111", "is a number that nobody can have — expected an international"),
    ("phone", "0900 123 456", "has no international prefix"), ("phone", "+41900123456", "premium rate"),
    ("webhook", "http://example.com", "expected https://"),
    ("webhook", "https://user:pw@example.com", "without a password"),
    ("webhook", "https://example.com:99999", "expected https://"),
    ("webhook", "file:///etc/passwd", "expected https://"),
    ("chat", " ", "letters, digits"), ("chat", "a,b", "letters, digits"),
])
def test_a_bad_address_is_explained(channel: str, address: str, expected: str) -> None:
    assert expected in (check_address(channel, address) or "")


def test_a_plain_private_webhook_is_allowed_where_the_operator_says_so() -> None:
    assert check_address("webhook", "http://127.0.0.1:9000/hook", allow_private=True) is None
