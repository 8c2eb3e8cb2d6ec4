"""The load generator keeps its schedule, and says so honestly when it does not."""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from device_sim.load.command import Asked, Load, in_words, run
from device_sim.load.generator import Lateness, LoadFailed, Schedule, blast, heat_pumps
from tests import ROOT
from tests.fixtures.servers import HOST, Mosquitto, wait_until


@pytest.mark.parametrize(("elapsed", "due"), [(-1.0, 0), (0.0, 1), (0.05, 1), (0.1, 2), (0.95, 10), (5.0, 10)])
def test_a_message_is_due_at_its_place_in_the_schedule(elapsed: float, due: int) -> None:
    """Ten messages at ten a second: at 0, 0.1, … 0.9 s."""
    assert Schedule(10, 10.0).due(elapsed) == due


def test_without_a_rate_everything_is_due_at_once() -> None:
    assert Schedule(10, None).due(0.0) == 10


def test_each_message_is_measured_by_its_own_time() -> None:
    """Messages 0 to 9 were due at 0, 100, … 900 ms and all left at one second: 1,000, 900, … 100 ms behind."""
    late = Lateness()
    late.add(Schedule(10, 10.0), 0, 10, 1.0)

    assert [late.percentile(share) for share in (0.1, 0.5, 0.95, 1.0)] == [100.0, 500.0, 1000.0, 1000.0]


def test_a_message_is_never_early_and_nothing_sent_is_nothing_late() -> None:
    late = Lateness()
    assert late.percentile(1.0) == 0.0

    late.add(Schedule(10, 10.0), 9, 1, 0.2)
    assert late.percentile(1.0) == 0.0


def test_the_processes_share_the_devices_and_leave_none_out() -> None:
    shares = [heat_pumps(7, number, 3)[0] for number in range(3)]

    assert [len(share) for share in shares] == [3, 2, 2]
    assert sorted(topic for share in shares for topic in share) == heat_pumps(7)[0]


def test_the_sentence_says_what_fell_short() -> None:
    kept = Load(10_000, 2, 20_000, 19_998.2, 600_000, 600_000, 0, 30.0, 1.2, 6.2, 12.4, 63.0, 0.2, 0.5)
    short = Load(
        10_000, 1, 20_000, 12_000.0, 360_000, 359_990, 240_000, 31.0, 5_000.0, 12_000.0, 12_300.0, 40.0, 0.2, None)

    assert in_words(kept).splitlines()[0] == (
        "asked 20,000/s, sent 19,998/s, acknowledged all of 600,000, latest 12 ms behind")
    assert in_words(short).splitlines()[0] == (
        "asked 20,000/s, sent 12,000/s, acknowledged all but 10 of 360,000, latest 12,300 ms behind; "
        "240,000 were never sent")
    assert "10,000 devices in 1 process: 40 MB of memory, 0.20 cores" in in_words(short)


@contextmanager
def _slow_broker(acks_per_s: float) -> Iterator[int]:
    """A consumer that takes its time with each message; yields its port."""
    server = socket.create_server((HOST, 0))
    stop = threading.Event()

    def serve(line: socket.socket) -> None:
        with suppress(OSError), line, line.makefile("rb") as reader:
            while not stop.is_set() and (head := reader.read(1)):
                size = shift = 0
                while (byte := reader.read(1)[0]) & 128:
                    size, shift = size | (byte & 127) << shift, shift + 7
                body = reader.read(size | byte << shift)
                if head == b"\x10":
                    line.sendall(b"\x20\x02\x00\x00")
                elif head == b"\x32":
                    time.sleep(1 / acks_per_s)
                    end = 2 + struct.unpack(">H", body[:2])[0]
                    line.sendall(b"\x40\x02" + body[end : end + 2])

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_a_slow_consumer_makes_it_late_and_it_says_so() -> None:
    """200 messages at 1,000 a second, 5 on their way at most, acknowledged at 400 a second: the last leaves after
    half a second instead of 0.2 s."""
    topics, message = heat_pumps(3)
    with _slow_broker(acks_per_s=400) as port:
        report = blast(HOST, port, topics, message, 200, rate=1_000, connections=1, inflight=5)

    assert (report.sent, report.acked) == (200, 200)
    assert report.late_ms > 200
    assert report.sending_s > 0.4


@pytest.mark.slow
def test_what_a_slow_consumer_keeps_it_from_sending_is_counted_and_is_late() -> None:
    """2,000 messages in a second were asked for; with 5 on their way and a second of patience 400 or so are taken."""
    with _slow_broker(acks_per_s=200) as port:
        done = run(Asked(HOST, port, devices=3, rate=2_000, seconds=1, processes=1, connections=1, inflight=5))

    assert done.sent + done.unsent == 2_000
    assert done.unsent > 1_000
    assert done.acknowledged == done.sent
    assert done.sent_per_s < 500
    assert done.late_max_ms > 1_000
    assert "never sent" in in_words(done)


@pytest.mark.slow
def test_one_command_keeps_its_schedule_and_everything_arrives_in_each_devices_order(
        memory_only_mosquitto: Mosquitto) -> None:
    heard: list[Any] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append((message.topic, json.loads(message.payload)))
    client.on_subscribe = lambda *_: heard.append("subscribed")
    client.connect(HOST, memory_only_mosquitto.port)
    client.subscribe("devices/#", qos=1)
    client.loop_start()
    wait_until(lambda: heard == ["subscribed"])
    command = [sys.executable, "-m", "device_sim", "load", "--broker", f"{HOST}:{memory_only_mosquitto.port}",
               "--devices", "101", "--rate", "1000", "--seconds", "2", "--processes", "2", "--connections", "7",
               "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    report = json.loads(done.stdout)["load"]
    wait_until(lambda: len(heard) > report["acknowledged"])
    client.disconnect()
    client.loop_stop()

    assert (report["sent"], report["acknowledged"], report["unsent"]) == (2_000, 2_000, 0)
    assert 500 < report["sent_per_s"] <= 1_000
    assert 0 < report["late_p50_ms"] <= report["late_p99_ms"] <= report["late_max_ms"] < 5_000
    assert 10 < report["memory_mb"] < 300
    told = heard[1:]
    assert len({topic for topic, _ in told}) == 101
    assert max(Counter(topic for topic, _ in told).values()) <= 21  # they take turns
    for topic in {topic for topic, _ in told}:
        assert [body["seq"] for name, body in told if name == topic] == list(
            range(sum(name == topic for name, _ in told)))


@pytest.mark.slow
def test_ten_thousand_devices_fit_into_300_mb(memory_only_mosquitto: Mosquitto) -> None:
    done = subprocess.run(  # by itself: what these tests have used until now is not its memory
        [sys.executable, "-m", "device_sim", "load", "--broker", f"{HOST}:{memory_only_mosquitto.port}",
         "--devices", "10000", "--rate", "10000", "--seconds", "1", "--json"],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    report = json.loads(done.stdout)["load"]

    assert report["acknowledged"] == report["sent"] == 10_000
    assert 20 < report["memory_mb"] < 300


@pytest.mark.slow
def test_no_broker_is_said_in_words(free_port: Any) -> None:
    with pytest.raises(LoadFailed, match="refused"):
        run(Asked(HOST, free_port(), devices=2, rate=10, seconds=1))


@pytest.mark.slow
@pytest.mark.parametrize(("words", "expected"), [
    (["--broker", "somewhere"], "--broker 'somewhere': expected host:port"),
    (["--rate", "0"], "--rate 0.0: expected more than 0"),
    (["--devices", "1", "--processes", "2"], "--devices 1: expected at least one for each of the 2 processes"),
    (["--inflight", "30000"], "--inflight 30000: expected 1 to 20000"),
])
def test_a_wrong_wish_says_what_was_expected(words: list[str], expected: str) -> None:
    done = subprocess.run([sys.executable, "-m", "device_sim", "load", *words], cwd=ROOT, capture_output=True,
                          text=True, timeout=30, check=False)

    assert expected in done.stderr
    assert done.returncode == 2
