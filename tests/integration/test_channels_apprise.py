"""Apprise, held to a contract: the library hides most of what we need to know of a way out."""

import json
import logging

import pytest
import structlog
from pydantic import SecretStr

from gateway.config.settings import Channels, Settings
from gateway.monitoring import logs
from gateway.notifications.channels import Channel, NotSent, Sent, Unknown, apprise_channel, build_channels
from tests.fixtures import servers
from tests.fixtures.channel_fakes import NEWS, hangs_up_after_the_request, scripted_server


@pytest.fixture
def push(webhook_server: servers.WebhookServer) -> Channel:
    template = webhook_server.url.replace("http://", "json://") + "/{address}?redirect=yes&retry=3&optional=yes"
    return build_channels(Settings(channels=Channels(apprise={"push": SecretStr(template)})))["push"]


def test_apprise_gets_the_address_only_where_the_operator_put_it(push: Channel,
                                                                 webhook_server: servers.WebhookServer) -> None:
    assert push.send("+41791234567", NEWS, "N-1") == Sent("N-1")
    [post] = webhook_server.posts
    assert post.path == "/+41791234567"
    assert json.loads(post.body)["title"] == NEWS.subject


@pytest.mark.parametrize("address", ["a/../b", "a?method=GET", "a,b", "a b", "a%2Fb", "a&b", "a\\b", ""])
def test_an_address_cannot_become_another_path_or_a_second_receiver(
    push: Channel, webhook_server: servers.WebhookServer, address: str,
) -> None:
    assert push.send(address, NEWS, "N-1") == NotSent(True, "not a usable address")
    assert webhook_server.posts == []


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (400, True), (401, False), (429, False), (500, False),
                                                   (302, True)])
def test_an_answer_behind_apprise_says_whether_another_try_can_help(
    push: Channel, webhook_server: servers.WebhookServer, status: int, permanent: bool,
) -> None:
    webhook_server.replies.append((status, {"Location": f"{webhook_server.url}/inside"}))
    outcome = push.send("x", NEWS, "N-1")
    assert isinstance(outcome, NotSent)
    assert outcome.permanent is permanent
    assert str(status) in outcome.why
    assert len(webhook_server.posts) == 1, "neither redirected nor repeated, whatever the URL asks for"


def test_why_it_failed_is_known_also_after_logging_was_set_up(push: Channel,
                                                              webhook_server: servers.WebhookServer) -> None:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("json")
        webhook_server.replies.append((404, {}))
        assert push.send("x", NEWS, "N-1") == NotSent(True, "the service answered 404")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)


def test_a_slow_service_behind_apprise_is_unknown_and_not_failed(webhook_server: servers.WebhookServer) -> None:
    impatient = apprise_channel.channel("push", webhook_server.url.replace("http", "json") + "/{address}", wait_s=0.3)
    webhook_server.delay = 0.8
    assert isinstance(impatient.send("x", NEWS, "N-1"), Unknown)


def test_a_line_that_breaks_behind_apprise_is_unknown_and_nobody_there_is_temporary() -> None:
    def to(port: int) -> Channel:
        template = SecretStr(f"json://{servers.HOST}:{port}/{{address}}")
        return build_channels(Settings(channels=Channels(apprise={"push": template})))["push"]

    with scripted_server(hangs_up_after_the_request) as port:
        assert isinstance(to(port).send("x", NEWS, "N-1"), Unknown)
    assert to(servers.free_port()).send("x", NEWS, "N-1") == NotSent(False, "no connection to the service")


def test_apprise_writes_no_address_in_our_log(push: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    everything = Keep()  # not caplog: pytest listens to silenced loggers too
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    logging.root.addHandler(everything)
    try:
        logging.getLogger("gateway").debug("heard")
        push.send("+41791234567", NEWS, "N-1")
    finally:
        logging.root.removeHandler(everything)
    assert lines == ["heard"]


def test_an_sms_service_gets_the_short_form_and_a_chat_the_long_one() -> None:
    templates = {"sms": "vonage://key12345:secret1234567890/15551234567/{address}",
                 "chat": "tgram://123456789:abcdef/{address}",
                 "twilio": "twilio://AC123:token@+15551234567/{address}"}
    built = build_channels(Settings(channels=Channels(apprise={k: SecretStr(v) for k, v in templates.items()})))
    forms = {name: channel.form for name, channel in built.items()}
    assert forms == {"sms": "short", "chat": "long", "twilio": "short"}


def test_a_service_apprise_does_not_know_is_named_at_start() -> None:
    with pytest.raises(ValueError, match=r"channels\.apprise\.sms: .*'twillio' is not a service Apprise knows"):
        build_channels(Settings(channels=Channels(apprise={"sms": SecretStr("twillio://x/{address}")})))
