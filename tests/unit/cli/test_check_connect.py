"""Before the first customer: `gateway check --connect` tries all that is outside, `gateway send-test` one contact."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.model import Contact, RecipientKind
from gateway.store import Store
from gateway.store.migrations import upgrade
from tests.fixtures import servers
from tests.fixtures.openid_provider import openid_provider
from tests.fixtures.sample_fleet import save_sample_fleet
from tests.fixtures.servers import HOST, Mosquitto, free_port

pytestmark = pytest.mark.slow
SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0b3duIG9mIFdpZXNlbnRhbA=="
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, smtp_server: servers.SmtpServer) -> Run:
    """`run("check", MQTT__PORT="1")`: that command with these settings; the mail server is there, a broker is not."""
    monkeypatch.chdir(tmp_path)

    def gateway(*words: str, code: int = 0, **settings: str) -> Result:
        values = {"DATABASE_URL": sqlite_url, "MQTT__PORT": "1", "CHANNELS__EMAIL__HOST": HOST,
                  "CHANNELS__EMAIL__PORT": str(smtp_server.port), "CHANNELS__EMAIL__SENDER": "us@wiesental.example",
                  "CHANNELS__EMAIL__SECURITY": "none", "SERVICE__NAME": "Wiesental Service", **settings}
        result = CliRunner().invoke(app, list(words), env={f"GATEWAY_{name}": value for name, value in values.items()})
        assert result.exit_code == code, result.output
        return result

    return gateway


@pytest.fixture
def hook(webhook_server: servers.WebhookServer) -> dict[str, str]:
    """The settings of a channel `webhook` whose dispatcher listens at the sink."""
    return {"CHANNELS__WEBHOOK__SECRET": SECRET, "CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true",
            "SERVICE__DISPATCHER": f'[{{"channel": "webhook", "address": "{webhook_server.url}/desk?token=abc"}}]'}


def line(result: Result, beginning: str) -> str:
    """The one line of the output about it."""
    [found] = [line for line in result.output.splitlines() if line[2:].startswith(beginning)]
    return found


# --- gateway check --connect

@pytest.mark.slow
def test_what_is_there_lets_us_in_and_nobody_is_sent_anything(
        run: Run, mosquitto: Mosquitto, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
        hook: dict[str, str],
) -> None:
    result = run("check", "--connect", MQTT__PORT=str(mosquitto.port), **hook,
                 CHANNELS__APPRISE__PUSH=f"json://{HOST}/{{address}}")
    assert f"✓ broker 127.0.0.1:{mosquitto.port}: lets us in, with MQTT 3.1.1" in result.output
    assert f"! broker 127.0.0.1:{mosquitto.port}: " in result.output, "what it would lose is said too"
    assert line(result, "database ").startswith("✓ ")
    assert line(result, "database ").endswith(": it can be written")
    assert line(result, "email") == (f"✓ email {HOST}:{smtp_server.port}: lets us in as anybody and takes mail from "
                                     "us@wiesental.example")
    assert line(result, "webhook") == f"✓ webhook {webhook_server.url}: answers"
    assert line(result, "push") == "✓ push: nobody has an address there, so nothing was tried"
    assert "token=abc" not in result.output
    assert smtp_server.mails == []
    assert webhook_server.posts == []


def test_a_broker_and_a_web_hook_that_are_not_there_are_named_and_the_rest_is_tried_all_the_same(
        run: Run, hook: dict[str, str]) -> None:
    gone = f"http://{HOST}:{free_port()}"
    hook["SERVICE__DISPATCHER"] = f'[{{"channel": "webhook", "address": "{gone}/desk"}}]'
    result = run("check", "--connect", code=1, **hook)
    assert re.match(r"✗ broker 127.0.0.1:1: could not be probed: .*onnection refused", line(result, "broker"))
    assert line(result, "database ").startswith("✓ ")
    assert line(result, "email").startswith("✓ ")
    assert line(result, f"webhook {gone}").startswith(f"✗ webhook {gone}: unreachable — ")
    assert "Traceback" not in result.output


def test_the_hook_that_forwards_calls_for_help_is_tried_too(
        run: Run, webhook_server: servers.WebhookServer, hook: dict[str, str]) -> None:
    gone = f"http://{HOST}:{free_port()}"
    hook["SERVICE__EMERGENCY"] = f'[{{"channel": "webhook", "address": "{gone}/alarm"}}]'
    result = run("check", "--connect", code=1, **hook)
    assert line(result, f"webhook {gone}").startswith(f"✗ webhook {gone}: unreachable — ")
    assert line(result, f"webhook {webhook_server.url}") == f"✓ webhook {webhook_server.url}: answers"


OIDC = {"SIGN_IN__OIDC__CLIENT_ID": "gateway", "SIGN_IN__OIDC__CLIENT_SECRET": "hidden"}


def test_the_identity_provider_is_asked_and_what_it_has_to_know_is_said(run: Run) -> None:
    with openid_provider(f"http://{HOST}/") as provider:
        result = run("check", "--connect", code=1, SIGN_IN__OIDC__ISSUER=provider.issuer, **OIDC)
        other = run("check", "--connect", code=1, SIGN_IN__OIDC__ISSUER=f"{provider.issuer}/", **OIDC)
    assert line(result, "identity provider") == (f"✓ identity provider {provider.issuer}: answers; it has to know the "
                                                 "address http://127.0.0.1:8080/console/sign-in/oidc/back")
    assert "expected" in line(other, "identity provider")
    gone = run("check", "--connect", code=1, SIGN_IN__OIDC__ISSUER=f"http://{HOST}:1", **OIDC)
    assert line(gone, "identity provider").startswith(f"✗ identity provider http://{HOST}:1: ")


def test_roles_that_nobody_gets_and_a_way_back_in_the_clear_are_named(run: Run) -> None:
    issuer = "https://login.example.com"
    assert "sign_in.oidc.roles: none, so nobody gets an account" in run("check", SIGN_IN__OIDC__ISSUER=issuer,
                                                                        **OIDC).output
    assert "no group is for operators" in run("check", SIGN_IN__OIDC__ISSUER=issuer,
                                              SIGN_IN__OIDC__ROLES='{"desk": "agent"}', **OIDC).output
    result = run("check", code=1, SIGN_IN__OIDC__ISSUER=issuer, WEB__PUBLIC_URL="http://gateway.example.com",
                 SECRET="k3Jd92mXq0Lz7Vb5Nc8Rt1Yw6Ps4Hg2F", **OIDC)
    assert "web.public_url: " in result.output


def test_wrong_settings_are_told_first_and_nothing_is_tried(run: Run) -> None:
    result = run("check", "--connect", code=1, DIALECTS='["nativ"]')
    assert "did you mean 'native'?" in result.output
    assert "broker 127" not in result.output


def test_without_being_asked_nothing_outside_is_touched(run: Run, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as broker:
        run("check", MQTT__PORT=str(broker.getsockname()[1]), DATABASE_URL=f"sqlite:///{tmp_path}/new.db")
        broker.settimeout(0.05)
        with pytest.raises(TimeoutError):
            broker.accept()
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize(("database", "sign", "words"), [
    ("new.db", "✓", "the first start makes it"),
    ("nowhere/new.db", "✗", "cannot be made — expected a folder that this user may write"),
    ("text.db", "✗", "file is not a database"),
])
def test_the_database_is_tried_by_writing_and_nothing_of_it_stays(
        run: Run, tmp_path: Path, database: str, sign: str, words: str) -> None:
    (tmp_path / "text.db").write_text("this is no database, whatever its name says" * 100)
    before = sorted(path.name for path in tmp_path.iterdir())
    found = line(run("check", "--connect", code=1, DATABASE_URL=f"sqlite:///{tmp_path}/{database}"), "database ")
    assert found.startswith(sign)
    assert words in found
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_user_of_postgresql_who_may_make_no_tables_is_told_so(run: Run, empty_postgres_url: str) -> None:
    empty = Store(empty_postgres_url)
    with empty.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("DROP ROLE IF EXISTS guest")
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    empty.close()
    known = {"SECRET": "a secret of the village, long enough for a test"}
    good = run("check", "--connect", code=1, DATABASE_URL=empty_postgres_url, **known)
    assert line(good, "database ") == ("✓ database (PostgreSQL): it is empty and can be written: the first start makes "
                                      "its tables")
    guest = run("check", "--connect", code=1, DATABASE_URL=re.sub(r"//[^@]*@", "//guest@", empty_postgres_url), **known)
    assert line(guest, "database ").startswith("✗ database (PostgreSQL): permission denied for schema public")
    upgrade(empty)
    empty.close()
    away = run("check", "--connect", code=1, DATABASE_URL="postgresql://gateway:hunter2@127.0.0.1:1/gateway", **known)
    assert line(away, "database ").startswith("✗ database (PostgreSQL): the database does not answer")
    assert "hunter2" not in away.output


@pytest.mark.parametrize(("settings", "words"), [
    ({"CHANNELS__EMAIL__USERNAME": "us", "CHANNELS__EMAIL__PASSWORD": "wrong"}, "login refused — 535 5.7.8 no login"),
    ({"CHANNELS__EMAIL__USERNAME": "us", "CHANNELS__EMAIL__PASSWORD": "right"}, "lets us in as us"),
    ({"CHANNELS__EMAIL__SECURITY": "starttls"}, "no secure connection — STARTTLS extension not supported by server."),
    ({"CHANNELS__EMAIL__PORT": "1"}, "unreachable — [Errno 111] Connection refused"),
])
def test_the_login_of_the_mail_server_is_tried(run: Run, settings: dict[str, str], words: str) -> None:
    with servers.smtp_server(login=("us", "right")) as box:
        found = line(run("check", "--connect", code=1, **{"CHANNELS__EMAIL__PORT": str(box.port), **settings}), "email")
        assert words in found
        assert found.startswith("✓" if "lets us in" in words else "✗")
        assert box.mails == []


# --- gateway send-test

def test_a_test_message_arrives(run: Run, smtp_server: servers.SmtpServer) -> None:
    told = run("send-test", "email:me@example.com").output
    assert told.startswith("✓ sent by email: the other side took it")
    [mail] = smtp_server.mails
    assert mail.to == ["me@example.com"]
    assert mail.message["Subject"].startswith("Test message from Wiesental Service (N-")
    assert "You need not do anything" in mail.text


def test_a_contact_is_told_in_its_owners_language(run: Run, smtp_server: servers.SmtpServer, store: Store) -> None:
    save_sample_fleet(store)
    with store.write() as session:
        session.add(Contact(id="K-BOB", owner_kind=RecipientKind.CUSTOMER, owner_id="bob", channel="email",
                            address="bob@home.example"))
        session.add(Contact(id="K-OUT", owner_kind=RecipientKind.CUSTOMER, owner_id="bob", channel="email",
                            address="b@home.example", stopped_at=1_788_264_000_000, stopped_why="opted out"))
    run("send-test", "K-BOB")
    assert smtp_server.mails[0].message["Subject"].startswith("Testnachricht von Wiesental Service (N-")
    assert "'K-OUT' is stopped since 2026-09-01T12:00:00.000Z (opted out)" in run("send-test", "K-OUT", code=1).output
    assert len(smtp_server.mails) == 1


def test_any_message_can_be_sent_as_a_test_that_says_so(run: Run, smtp_server: servers.SmtpServer) -> None:
    run("send-test", "email:me@example.com", "--topic", "fault_found", "--language", "de")
    [mail] = smtp_server.mails
    assert mail.message["Subject"].startswith("Nur ein Test, es ist nichts passiert: Heat pump")
    assert mail.text.splitlines()[:3] == ["Nur ein Test, es ist nichts passiert:", "", "Guten Tag Alice Keller,"]
    assert "topic 'fault_fond'" in run("send-test", "email:me@example.com", "--topic", "fault_fond", code=1).output


def test_a_web_hook_is_sent_a_signed_test(
        run: Run, webhook_server: servers.WebhookServer, hook: dict[str, str]) -> None:
    run("send-test", f"webhook:{webhook_server.url}/desk", **hook)
    [post] = webhook_server.posts
    assert b'"type": "test"' in post.body
    assert post.headers["webhook-signature"].startswith("v1,")
    webhook_server.replies.append((401, {}))
    refused = run("send-test", f"webhook:{webhook_server.url}/desk", code=1, **hook).output
    assert refused == "✗ not sent by webhook: login refused — answered 401: 401 Unauthorized\n"


@pytest.mark.parametrize(("settings", "words"), [
    ({"USERNAME": "us", "PASSWORD": "wrong"},
     "login refused — the mail server answered 535 before the message: 535 5.7.8 no login for [e-mail]"),
    ({"SECURITY": "starttls"}, "no secure connection — the mail server does not offer what starttls and login need"),
    ({}, "recipient refused — the mail server refused the recipient (550): 550 5.1.1 <[address]> lives here no more"),
])
def test_why_a_test_message_was_not_sent_is_said_in_the_servers_words(
        run: Run, settings: dict[str, str], words: str) -> None:
    with servers.smtp_server(login=("us", "right")) as box:
        box.refused["me@example.com"] = "550 5.1.1 <me@example.com> lives here no more"
        more = {f"CHANNELS__EMAIL__{name}": value for name, value in {"PORT": str(box.port), **settings}.items()}
        told = run("send-test", "email:me@example.com", code=1, **more).output
    assert told.startswith(f"✗ not sent by email: {words}")


def test_a_key_sends_once_and_one_address_gets_five_an_hour(run: Run, smtp_server: servers.SmtpServer) -> None:
    run("send-test", "email:me@example.com", "--key", "monday")
    again = run("send-test", "email:me@example.com", "--key", "monday").output
    assert again == "Not sent again, for this key was used before. What became of it: sent \n"
    other = run("send-test", "email:you@example.com", "--key", "monday", code=1).output
    assert "this key was used for another test message" in other
    for _ in range(4):
        run("send-test", "email:me@example.com")
    enough = run("send-test", "email:me@example.com", code=1).output
    assert enough.startswith("✗ 5 test messages to this address within an hour are enough — try again in ")
    assert len(smtp_server.mails) == 5


@pytest.mark.parametrize(("contact", "words"), [
    ("K-NOBODY", "'K-NOBODY' is no contact — expected an id as the log names it, or CHANNEL:ADDRESS"),
    ("emial:me@example.com", "channel 'emial' — did you mean 'email'?"),
    ("email:me", "'me' is not an e-mail address"),
])
def test_what_is_no_contact_is_said(run: Run, contact: str, words: str) -> None:
    assert words in run("send-test", contact, code=1).output
