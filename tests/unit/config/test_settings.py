"""Settings: from file and environment, secrets apart, and every wrong value told at once with where it stands."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from gateway.config.settings import Service, Settings, Smtp, Web
from gateway.config.settings_loader import BadSettings, ensure_secret, load
from gateway.model import Severity
from gateway.store import Store

LONG = "9b1f0c5e7a3d2846f1c07be59d3a6482"


def errors(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        load(path, environ or {})
    return raised.value.errors


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_without_a_file_the_defaults_hold() -> None:
    assert load(None, {}) == Settings()


def test_the_environment_goes_before_the_file_and_the_command_line_before_both(config: Path) -> None:
    config.write_text("mqtt: {host: from-file, port: 1}\nreadings_days: 1")
    found = load(config, {"GATEWAY_MQTT__PORT": "2", "GATEWAY_READINGS_DAYS": "2"}, readings_days=3)
    assert (found.mqtt.host, found.mqtt.port, found.readings_days) == ("from-file", 2, 3)


def test_lists_and_mappings_come_from_the_environment_as_json() -> None:
    found = load(None, {"GATEWAY_DIALECTS": '["native", "shelly"]',
                        "GATEWAY_SERVICE__DISPATCHER": '[{"channel": "email", "address": "d@example.com"}]'})
    assert found.dialects == ("native", "shelly")
    assert found.service.dispatcher == [{"channel": "email", "address": "d@example.com"}]


def test_a_time_of_day_in_the_file_is_a_time_not_a_number(config: Path) -> None:
    config.write_text("service: {callback_hours: {mon: [[08:00, 19:30]]}}")
    assert load(config, {}).service.callback_hours == {"mon": [("08:00", "19:30")]}


def test_file_names_in_the_file_are_relative_to_it(config: Path) -> None:
    config.write_text("profiles: kinds\nfleet: fleet.yaml\ndatabase_url: sqlite:///g.db\nmqtt: {ca_file: ca.pem}")
    found = load(config, {})
    assert (found.profiles, found.fleet) == (config.parent / "kinds", config.parent / "fleet.yaml")
    assert found.database_url == f"sqlite:///{config.parent}/g.db"
    assert found.mqtt.ca_file == config.parent / "ca.pem"


def test_all_wrong_values_are_told_at_once_in_the_order_of_the_file(config: Path) -> None:
    config.write_text("""mqtt:
  port: 99999
  hots: example.com
  client_id: my gateway
web: {public_url: ftp://x}
service:
  callback_timezone: Europe/Zuerich
  dispatcher: [{chanel: email}]
channels:
  email: {port: 25}
  apprise: {push: "ntfy://host/topic"}
readings_days: many
databse_url: x
""")
    found = errors(config, {"GATEWAY_MQTT__QUEUE": "5", "GATEWAY_MQQT__PORT": "1"})
    wanted = ["2: mqtt.port: 99999 — expected 1…65535",
              "3: mqtt.hots: no such field — did you mean 'host'?",
              "4: mqtt.client_id: 'my gateway' — expected letters, digits",
              "5: web.public_url: 'ftp://x' — expected a web address",
              "7: service.callback_timezone: 'Europe/Zuerich' — expected an IANA time zone",
              "8: service.dispatcher: [{'chanel': 'email'}] — expected each as",
              "10: channels.email.host is missing",
              "10: channels.email.sender is missing",
              "11: channels.apprise.push: a secret — expected an Apprise URL with {address}",
              "12: readings_days: 'many' — expected a whole number",
              "13: databse_url: no such field — did you mean 'database_url'?"]
    assert len(found) == len(wanted) + 2
    for line, words in zip(found, wanted, strict=False):
        assert line.startswith(f"{config}:{words}")
    assert set(found[-2:]) == {"GATEWAY_MQTT__QUEUE: mqtt.queue: '5' — expected 10…60000",
                               "GATEWAY_MQQT__PORT: no such setting — did you mean 'mqtt'?"}


@pytest.mark.parametrize(("text", "variable"), [
    ("secret: " + LONG, "GATEWAY_SECRET"),
    ("mqtt: {password: hunter2}", "GATEWAY_MQTT__PASSWORD"),
    ("channels: {webhook: {secret: whsec_AAAA}}", "GATEWAY_CHANNELS__WEBHOOK__SECRET"),
    ("channels: {apprise: {sms: 'twilio://sid:hunter2@+41/{address}'}}", "GATEWAY_CHANNELS__APPRISE__SMS"),
    ("database_url: postgresql://gateway:hunter2@host/gateway", "GATEWAY_DATABASE_URL"),
])
def test_a_secret_in_the_file_is_refused_and_not_repeated(config: Path, text: str, variable: str) -> None:
    config.write_text(text)
    found = "\n".join(errors(config))
    assert f"a secret in plain text — expected it in {variable}" in found
    assert "hunter2" not in found
    assert LONG not in found


def test_secrets_come_from_files_that_the_settings_the_environment_or_a_directory_name(config: Path) -> None:
    directory = config.parent / "secrets"
    directory.mkdir()
    (directory / "gateway_mqtt__password").write_text("from-directory\n")
    (config.parent / "smtp-password").write_text("from-yaml\n")
    (config.parent / "signing").write_text(LONG)
    config.write_text("channels: {email: {host: h, sender: a@b.c, password_file: smtp-password}}")
    found = load(config, {"GATEWAY_SECRETS_DIR": str(directory), "GATEWAY_SECRET_FILE": str(config.parent / "signing")})
    assert found.mqtt.password is not None
    assert found.channels.email is not None
    assert found.channels.email.password is not None
    assert found.mqtt.password.get_secret_value() == "from-directory"
    assert found.channels.email.password.get_secret_value() == "from-yaml"
    assert found.secret.get_secret_value() == LONG
    assert "from-yaml" not in repr(found)


def test_a_secrets_file_that_is_not_there_is_an_error() -> None:
    assert "cannot read /nowhere" in errors(None, {"GATEWAY_SECRET_FILE": "/nowhere"})[0]


@pytest.mark.parametrize("environ", [
    {"GATEWAY_SERVICE_HOST": "10.0.0.1", "GATEWAY_SERVICE_PORT": "80"}, {"GATEWAY_PORT_8080_TCP_ADDR": "10.0.0.1"},
])
def test_what_kubernetes_puts_into_the_environment_by_itself_is_not_ours(environ: dict[str, str]) -> None:
    assert load(None, environ) == Settings()


def test_only_this_machine_may_call_without_a_secret() -> None:
    assert errors(None, {"GATEWAY_WEB__HOST": "0.0.0.0"}) == [
        "GATEWAY_WEB__HOST: web.host: '0.0.0.0' is not a loopback address, so links need a secret — "
        "put at least 32 characters in GATEWAY_SECRET or in a secrets file"]
    assert load(None, {"GATEWAY_WEB__HOST": "0.0.0.0", "GATEWAY_SECRET": LONG}).web.host == "0.0.0.0"


@pytest.mark.parametrize("secret", ["short", "change-me-change-me-change-me-change-me"])
def test_a_short_secret_or_an_examples_secret_is_refused_in_public(secret: str) -> None:
    found = errors(None, {"GATEWAY_WEB__HOST": "0.0.0.0", "GATEWAY_SECRET": secret})
    assert found[0].startswith("GATEWAY_SECRET: secret:")


@pytest.mark.parametrize("secret", [
    "0" * 64, "ab" * 20, "0123456789abcdef" * 4, "deadbeef" * 8, "Passw0rd" * 5, "abcdefghijklmnopqrstuvwxyz0123456789",
    "11223344556677889900112233445566", "0" * 63 + "1", f"{LONG}\n{'0' * 64}", f"{'f' * 40}\n{LONG}"])
def test_a_secret_that_can_be_guessed_is_refused_in_public_and_not_repeated(secret: str) -> None:
    for environ in ({"GATEWAY_WEB__HOST": "0.0.0.0"}, {"GATEWAY_WEB__PUBLIC_URL": "https://service.example"}):
        found = errors(None, environ | {"GATEWAY_SECRET": secret})
        assert "can be guessed" in found[0] or "an example's" in found[0]
        assert secret.split()[-1] not in "".join(found)
    assert load(None, {"GATEWAY_SECRET": secret}).secret.get_secret_value() == secret  # unseen


@pytest.mark.parametrize("secret", [
    LONG, "correct horse battery staple and a kettle", "Zx3_kQ9-vB7nM1pLr5TtYw8aSd2FgHj4", f"{LONG}\n{LONG[::-1]}"])
def test_a_random_secret_or_a_sentence_is_taken(secret: str) -> None:
    assert load(None, {"GATEWAY_WEB__HOST": "0.0.0.0", "GATEWAY_SECRET": secret}).web.host == "0.0.0.0"


def test_behind_a_proxy_an_examples_secret_is_refused_too() -> None:
    environ = {"GATEWAY_WEB__PUBLIC_URL": "https://service.example", "GATEWAY_SECRET": "demo" * 10}
    assert "an example's" in errors(None, environ)[0]


@pytest.mark.parametrize("text", ["- a", "mqtt: [", "mqtt: {port: 1, port: 2}", "\x00"])
def test_a_file_that_is_no_settings_is_an_error_not_a_traceback(config: Path, text: str) -> None:
    config.write_text(text)
    assert errors(config)[0].startswith(str(config))


def test_a_file_that_is_not_there_is_named(config: Path) -> None:
    assert errors(config) == [f"{config}: cannot be read — No such file or directory"]


def test_a_random_secret_is_kept_beside_the_database_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/gateway.db")
    first, again = ensure_secret(settings), ensure_secret(settings)
    assert first.secret == again.secret
    assert len(first.secret.get_secret_value()) >= 32
    assert stat.S_IMODE((tmp_path / "gateway.secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.secret"]


@pytest.mark.parametrize("there_before", [False, True])
def test_the_database_is_for_the_owner_alone(tmp_path: Path, there_before: bool) -> None:
    """It is full of names and addresses; one that an older version has left open is closed."""
    path, before = tmp_path / "gateway.db", os.umask(0o022)
    try:
        if there_before:
            sqlite3.connect(path).close()
            path.touch()
            path.chmod(0o644)
        store = Store(f"sqlite:///{path}")
        with store.write() as session:
            session.connection().exec_driver_sql("CREATE TABLE anything (x)")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {"gateway.db": 0o600, "gateway.db-wal": 0o600, "gateway.db-shm": 0o600}


def test_gateways_that_share_a_database_must_be_given_their_secret() -> None:
    with pytest.raises(BadSettings, match="GATEWAY_SECRET"):
        ensure_secret(Settings(database_url="postgresql://host/gateway"))


def test_a_secret_that_was_given_is_used() -> None:
    environ = {"GATEWAY_SECRET": LONG}
    assert ensure_secret(load(None, environ)).secret.get_secret_value() == LONG


@pytest.mark.parametrize(("minutes", "words"), [
    ("{critical: 5}", "2: service.next_word_minutes: {'critical': 5} — critical: expected at least 10 minutes"),
    ("{urgent: 30}", "2: service.next_word_minutes.urgent: 'urgent' — expected 'warning', 'minor', 'major' or"),
    ("{critical: often}", "2: service.next_word_minutes.critical: 'often' — expected a whole number"),
])
def test_when_people_hear_again_is_named_by_severity(config: Path, minutes: str, words: str) -> None:
    config.write_text(f"service:\n  next_word_minutes: {minutes}\n")
    assert errors(config, {})[0].startswith(f"{config}:{words}")


def test_severities_that_are_not_named_keep_their_minutes() -> None:
    assert Service(next_word_minutes={Severity.MINOR: 90}).next_word_minutes == {
        Severity.CRITICAL: 30, Severity.MAJOR: 60, Severity.MINOR: 90, Severity.WARNING: 480}


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().web.port = 1  # type: ignore[misc]
    assert Settings(web=Web(public_url="https://x.example/")).web.public_url == "https://x.example"
    assert Smtp(host="h", sender="a@b.c").port == 587


@pytest.mark.parametrize(("text", "expected"), [
    ("channels: {webhook: {allow_private: true}}",
     "channels.webhook.secret is missing — expected it in GATEWAY_CHANNELS__WEBHOOK__SECRET, or secret_file: FILE"),
    ("channels: {webhook: {secret: }}",
     "channels.webhook.secret is missing — expected it in GATEWAY_CHANNELS__WEBHOOK__SECRET, or secret_file: FILE"),
    ("channels: {webhook: {secret: '${HOOK}'}}",
     "channels.webhook.secret: ${HOOK} is not filled in here — expected it in GATEWAY_CHANNELS__WEBHOOK__SECRET, or"),
    ("channels: {apprise: {sms: }}",
     "channels.apprise.sms is missing — expected it in GATEWAY_CHANNELS__APPRISE__SMS, or sms_file: FILE here"),
    ("mqtt: {password: '${MQTT_PASSWORD}'}",
     "mqtt.password: ${MQTT_PASSWORD} is not filled in here — expected it in GATEWAY_MQTT__PASSWORD, or password_file"),
    ("channels: {email: {host: '${SMTP_HOST:-localhost}', sender: a@b.c}}",
     "channels.email.host: ${SMTP_HOST:-localhost} is not filled in here — expected it in GATEWAY_CHANNELS__EMAIL__"),
    ("service: {dispatcher: [{channel: email, address: '${DESK}'}]}",
     "service.dispatcher: ${DESK} is not filled in here — expected it in GATEWAY_SERVICE__DISPATCHER"),
])
def test_what_is_missing_is_said_with_the_variable_it_is_expected_in(config: Path, text: str, expected: str) -> None:
    config.write_text(text)
    [said] = errors(config)
    assert said.startswith(f"{config}:1: {expected}")


@pytest.mark.parametrize(("given", "country", "shown"), [
    ("+41446681800", "", "+41 44 668 18 00"), ("044 668 18 00", "CH", "+41 44 668 18 00"),
    ("0848 800 800", "CH", "+41 848 800 800"), ("", "", ""),
])
def test_the_number_in_messages_is_one_that_can_be_rung_from_anywhere(config: Path, given: str, country: str,
                                                                     shown: str) -> None:
    config.write_text(f'service: {{phone: "{given}", country: "{country}"}}\n')
    assert load(config, {}).service.phone == shown


@pytest.mark.parametrize(("given", "said"), [
    ("call us", "is no telephone number"), ("044 668 18 00", "has no international prefix"),
    ("+41 44 668", "is too short"), ("+41 900 123 456", "is a premium rate number"),
])
def test_a_number_that_nobody_can_ring_is_refused_at_the_start(config: Path, given: str, said: str) -> None:
    config.write_text(f'service: {{phone: "{given}"}}\n')
    [error] = errors(config)
    assert "service.phone" in error
    assert said in error
