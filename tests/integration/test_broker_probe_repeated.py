"""The look at the broker says the same each time, calls nothing lost that is only late, and its warnings can end."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.app import main
from gateway.app.main import Running, start
from gateway.config.settings import Mqtt, Settings
from gateway.mqtt.broker_probe import BrokerReport, Finding, findings_of, probe
from tests.fixtures.hundred_sites import write_profiles
from tests.fixtures.servers import HOST, Mosquitto, free_port, mosquitto_program, wait_until

LOOKS = int(os.environ.get("LOOKS", "4"))  # 50 in `scripts/endurance broker`
GOOD = "max_queued_messages 1000000\n"
QUICK = "autosave_on_changes false\nautosave_interval 1800\n"  # the look does not kill it
KEPT = "it kept all 1,500 messages that were sent while we were away"

slow = pytest.mark.slow  # real brokers


@contextmanager
def broker_with(folder: Path, extra: str) -> Iterator[Mosquitto]:
    if mosquitto_program() is None:
        pytest.skip("mosquitto is not installed")
    folder.mkdir(exist_ok=True)
    broker = Mosquitto(folder, extra=QUICK + extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def warnings(report: BrokerReport) -> list[str]:
    return [finding.text for finding in report.findings if finding.kind != "good"]


@slow
@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_looks_in_a_row_at_a_good_mosquitto_all_say_the_same(version: str, tmp_path: Path) -> None:
    with broker_with(tmp_path / "good", GOOD) as broker:
        looks = {probe(Mqtt(port=broker.port, version=version, durable=True)).findings for _ in range(LOOKS)}
    [said] = looks
    assert Finding("good", KEPT) in said
    assert {finding.kind for finding in said} == {"good"}


@slow
@pytest.mark.parametrize("halt", [0.0, 1.6])
def test_a_mosquitto_that_saves_at_each_change_is_seen_to_and_one_that_does_not_is_not(
        halt: float, tmp_path: Path) -> None:
    said = {}
    for each in ("true", "false"):
        with broker_with(tmp_path / each, f"{GOOD}autosave_on_changes {each}\nautosave_interval 1\n") as broker:
            halting = Halting(broker.port, 0 if halt else 1 << 40, halt)
            report = probe(Mqtt(port=halting.port))
            halting.close()
        said[each] = {finding.kind: finding.text for finding in report.findings}
        assert report.pace.one_by_one is (each == "true"), report.pace
    assert "messages/s from one device" in said["true"]["slow"]
    assert "it seems to save at each change" in said["true"]["unknown"]
    assert "loss" not in said["true"]
    assert "it does not save at each change" in said["false"]["loss"]
    assert "slow" not in said["false"]


class Halting:
    """Stands between a client and its broker, and holds back what the broker says for a while, again and again."""

    def __init__(self, to: int, every: int, seconds: float) -> None:
        self.port, self._to, self._every, self._seconds = free_port(), to, every, seconds
        self._server = socket.create_server((HOST, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection((HOST, self._to))
                threading.Thread(target=self._both, args=(client, broker), daemon=True).start()

    def _both(self, client: socket.socket, broker: socket.socket) -> None:
        with client, broker:
            back = threading.Thread(target=self._pass, args=(broker, client, True), daemon=True)
            back.start()
            self._pass(client, broker, False)
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, halting: bool) -> None:
        passed = halts = 0
        with suppress(OSError):
            while some := source.recv(2048):
                passed += len(some)
                if halting and passed > self._every * (halts + 1) and halts < 2:
                    halts += 1
                    time.sleep(self._seconds)
                sink.sendall(some)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@slow
@pytest.mark.parametrize("every", [0, 12_000])
def test_a_machine_that_halts_for_a_second_and_a_half_is_slow_and_loses_nothing(every: int, tmp_path: Path) -> None:
    with broker_with(tmp_path / "good", GOOD) as broker:
        halting = Halting(broker.port, every, 1.6)
        report = probe(Mqtt(port=halting.port, durable=True))
        halting.close()
    assert report.losses == []
    assert report.retained is True
    assert {finding.kind for finding in report.findings} == {"good"}, report.findings


@slow
@pytest.mark.parametrize(("about", "before", "then", "settings"), [
    ("max_queued_messages", "max_queued_messages 1000\n", "max_queued_messages 1000000000\n", {}),
    ("max_inflight_messages", "max_inflight_messages 20\n", "max_inflight_messages 4000\n", {}),
    ("retain_available", "retain_available false\n", "retain_available true\n", {}),
    ("mqtt.queue", "", "", {"version": "5", "queue": 50}),
    ("mqtt.durable", "", "", {"durable": False}),
    ("autosave_on_changes false", "autosave_on_changes true\nautosave_interval 1\n", "", {}),
])
def test_a_warning_names_what_ends_it_and_is_gone_when_that_is_done(
        about: str, before: str, then: str, settings: dict[str, Any], tmp_path: Path) -> None:
    with broker_with(tmp_path / "before", before) as broker:
        said = warnings(probe(Mqtt(port=broker.port, **{"durable": True} | settings)))
    assert len(said) == 1, said
    assert about in said[0]
    with broker_with(tmp_path / "then", then) as broker:
        heeded = {"queue": 4000, "durable": True, "version": settings.get("version", "3.1.1")}
        assert warnings(probe(Mqtt(port=broker.port, **heeded))) == []


@slow
def test_a_broker_that_was_set_right_and_started_again_is_looked_at_again(
        tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "PROBE_AGAIN", 0.5)
    with broker_with(tmp_path / "broker", "max_queued_messages 1000\n") as broker:
        running = start(Settings(database_url=sqlite_url, profiles=write_profiles(tmp_path / "profiles"),
                                 mqtt=Mqtt(port=broker.port, durable=True)), "ingest")
        try:
            wait_until(lambda: _says(running, "silently drops the rest"), 60, "the warning")
            broker.stop()
            broker.extra = QUICK
            broker.start()
            wait_until(lambda: not _says(running, "silently drops the rest") and _says(running, KEPT), 90,
                       "the warning to end")
        finally:
            running.stop()


def _says(running: Running, text: str) -> bool:
    return any(text in line for line in running.health().broker)


def test_every_warning_names_a_setting() -> None:
    bad = BrokerReport("mosquitto version 2.0.11", ("3.1.1", "5"), keeps_session=True, queued=1000, sent=1500,
                       window=20, retained=False, shared=False, limits={"SessionExpiryInterval": 60})
    said = [finding.text for finding in findings_of(bad, "5", ours=None, share="gateways") if finding.kind != "good"]
    assert len(said) == 6
    for setting in ("max_queued_messages", "max_inflight_messages", "mqtt.durable", "persistent_client_expiration",
                    "retain_available", "mqtt.share"):
        assert [setting in line for line in said].count(True) == 1, setting


def test_shared_subscriptions_that_nobody_asked_for_are_no_matter() -> None:
    good = BrokerReport("", ("5",), keeps_session=True, queued=1500, sent=1500, retained=True, shared=False)
    assert {finding.kind for finding in findings_of(good, "5", ours="nats")} == {"good"}


@pytest.mark.parametrize("report", [
    BrokerReport("", ("3.1.1",), keeps_session=True, queued=1500, sent=1500, silent=("5",)),
    BrokerReport("", ("3.1.1", "5"), forbidden=False),
    BrokerReport("", ("3.1.1", "5"), keeps_session=True, queued=None, sent=1500),
    BrokerReport("", ("3.1.1", "5"), keeps_session=True, queued=700, sent=700),
])
def test_what_was_not_answered_in_time_is_not_called_a_loss(report: BrokerReport) -> None:
    said = findings_of(report, "5", ours="nats")
    assert "unknown" in {finding.kind for finding in said}
    assert {finding.kind for finding in said} <= {"good", "unknown"}
    assert not any("700" in finding.text for finding in said), "the next look counts otherwise"
