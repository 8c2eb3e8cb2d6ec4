"""Nothing that belongs to a person, and nothing that opens a door, gets into the log."""

import io
import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from gateway.monitoring import logs
from tests.fixtures.servers import wait_until


@pytest.mark.parametrize(("text", "kept"), [
    ("told alice.keller+x@example.com by mail", "told [e-mail] by mail"),
    ("called +41 79 123 45 67 twice", "called [phone] twice"),
    ("called +41791234567, 0041 44 668 18 00", "called [phone], [phone]"),
    ("GET /o/L-4F7QK2M9.AAAAAAAAAAAAAAAAAAAAAAAAAAA 200", "GET /o/[link] 200"),
    ("postgresql://gateway:hunter2@db/gateway is away", "postgresql://[redacted]@db/gateway is away"),
    ("twilio://sid:token@+41445551234/+41791234567 failed", "twilio://[redacted] failed"),
    ("slack://tokenA/tokenB/tokenC/#room", "slack://[redacted]"),
    ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signed with whsec_[secret]"),
    ("key psg_1234567890abcdefgh", "key psg_[secret]"),
])
def test_what_must_not_be_read_is_blacked_out(text: str, kept: str) -> None:
    assert logs.redact(text) == kept


@pytest.mark.parametrize("text", [
    "2026-11-22T14:25:06.000+01:00", "T-4F7QK2M9 is offered to P-12345678", "zigbee2mqtt/0x00158d0001234567",
    "http://127.0.0.1:8080/healthz", "sqlite:///gateway.db", "batch of 4000 in 12.5 ms, 1790000000000",
    "devices/alice-pump/telemetry", "mqtt://127.0.0.1:1883", "flow_temp 75.5 for 300 s",
])
def test_what_the_operator_needs_stays(text: str) -> None:
    assert logs.redact(text) == text


def test_it_reaches_into_lists_mappings_and_other_things() -> None:
    found = logs.redact({"to": ["a@example.com", ("+41791234567", 3)], "b@example.com": ValueError("c@example.com")})
    assert found == {"to": ["[e-mail]", ["[phone]", 3]], "[e-mail]": "[e-mail]"}


def test_our_events_other_peoples_and_tracebacks_come_out_as_json_without_the_person(
        capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("json")
        structlog.get_logger().warning("not sent", to="alice@example.com", seconds=1.5)
        logging.getLogger("somebody").warning("sent to %s", "+41791234567")
        try:
            raise ValueError("no mailbox for bob@example.com")
        except ValueError:
            structlog.get_logger().exception("deliver failed")
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)
    assert [line["event"] for line in said] == ["not sent", "sent to [phone]", "deliver failed"]
    assert (said[0]["to"], said[0]["seconds"], said[0]["level"]) == ("[e-mail]", 1.5, "warning")
    assert "no mailbox for [e-mail]" in said[2]["exception"]
    assert "Traceback" in said[2]["exception"]


class Log:
    """A log that is read as it is written, on a clock of its own."""

    def __init__(self) -> None:
        self.now, self.stream = 0.0, io.StringIO()
        self.handler = logs.RateLimitedLog(self.stream, lambda: self.now)
        self.logger = logging.Logger("gateway.somewhere")
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_line_that_repeats_itself_is_counted_instead_of_written() -> None:
    """1,100 idle connections made 51 MB of log in 100 seconds."""
    log = Log()
    for second in range(25):
        log.now = second
        for _ in range(1000):
            log.logger.warning("mqtt disconnected: %s", "no descriptor")
        log.logger.info("second %d", second)
    assert [line for line in log.lines if line.startswith("mqtt")] == [
        *(["mqtt disconnected: no descriptor", "mqtt disconnected: %s … repeated 9999 times"] * 2),
        "mqtt disconnected: no descriptor"]
    assert len([line for line in log.lines if line.startswith("second")]) == 25
    log.handler.close()
    assert log.lines[-1] == "mqtt disconnected: %s … repeated 4999 times"


def test_tracebacks_of_one_kind_are_written_once_whatever_they_are_about() -> None:
    log = Log()
    for number in range(500):
        for broken in (OSError(24, "Too many open files"), KeyError(number)):
            try:
                raise broken
            except Exception:
                log.logger.exception("notification %s could not be worded", f"N-{number}")
    assert sum(line.startswith("Traceback") for line in log.lines) == 2
    log.handler.close()
    assert sum("repeated 499 times" in line for line in log.lines) == 2


def test_each_thing_that_happens_has_its_line_and_only_a_flood_of_warnings_has_not() -> None:
    log = Log()
    for number in range(2000):
        log.logger.info("sent %s", f"N-{number}")
        log.logger.warning("not sent %s", f"N-{number}")
    assert sum(line.startswith("sent") for line in log.lines) == 2000
    assert sum(line.startswith("not sent") for line in log.lines) == logs.MOST_ALIKE
    log.handler.close()
    assert "not sent %s … repeated 1800 times" in log.lines


def test_how_often_a_line_came_is_said_even_when_nothing_else_is_written() -> None:
    stream, now = io.StringIO(), 0.0
    log = logging.Logger("gateway.somewhere")
    log.addHandler(logs.RateLimitedLog(stream, lambda: now, period_s=0.05))
    for _ in range(3):
        log.warning("the disk is full")
    now = 1.0
    wait_until(lambda: "the disk is full … repeated 2 times" in stream.getvalue())


def test_our_own_events_are_counted_by_name_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("json")
        for _ in range(100):
            structlog.get_logger().warning("database away", why="disk full")
            structlog.get_logger().warning("database away", why="locked")
        root.handlers[0].close()
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)
    assert [(line["event"], line.get("why")) for line in said] == [
        ("database away", "disk full"), ("database away", "locked"), ("database away … repeated 198 times", None)]


SAYS = """
import structlog
from gateway.monitoring import logs
logs.configure("text")
structlog.get_logger().warning("the pump is hot", device="pump-0")
"""


def test_a_text_log_has_colours_on_a_terminal_and_none_in_a_file(tmp_path: Path) -> None:
    here = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with (tmp_path / "log").open("w") as file:
        subprocess.run([sys.executable, "-c", SAYS], stderr=file, check=True, env=here)
    plain = (tmp_path / "log").read_text()
    assert "the pump is hot" in plain
    assert "\x1b" not in plain
    assert "\x1b[" in on_a_terminal(here)
    assert "\x1b" not in on_a_terminal(here | {"NO_COLOR": "1"})


def on_a_terminal(environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        subprocess.run([sys.executable, "-c", SAYS], stderr=theirs, check=True, env=environment)
        said = screen.read(4096).decode()
        os.close(theirs)
    assert "the pump is hot" in said
    return said
