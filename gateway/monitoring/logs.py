"""Structured logging: one line for each event, without personal data or secrets."""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, TextIO
from urllib.parse import quote

import structlog

# In this order: an address inside a URL's credentials goes with them.
_REDACTED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(whsec_|psg_)[A-Za-z0-9_+/=-]{8,}"), r"\1[secret]"),
    (re.compile(r"/([ovf])/[A-Za-z0-9_.~-]{20,}"), r"/\1/[link]"),
    # a channel's URL is tokens from end to end; of the others only user and password are secret
    (re.compile(r"\b(?!(?:https?|mqtts?|sqlite|postgresql(?:\+psycopg)?|smtps?|file)://)([a-z][a-z0-9+.-]{1,20}://)[^\s'\"]+"),
     r"\1[redacted]"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^/\s'\"@]*@"), r"\1[redacted]@"),
    (re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<![\w.:+-])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)"), "[phone]"),
)

PERIOD_S = 10.0  # the same line is written once in so long; after that it is said how often it came
MOST_ALIKE = 200  # warnings of one kind in that time, each with other values: what a flood of strangers can cause
MOST_KINDS = 2000  # held in memory

# they log what we must not; apprise is held by notifications/channels/apprise_channel.py, which reads its lines
QUIET = ("httpx", "httpcore", "urllib3", "alembic", "asyncio", "mail.log")


_TOKENS = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}")
_PATHS = re.compile(r"\b(https?://[^\s/'\"<>]+)[/?][^\s'\"<>]*")


def redact_quote(said: str, address: str = "") -> str:
    """Another server's message fit for a log: without `address`, mail addresses, phone numbers, URL paths and
    tokens."""
    for form in filter(None, (address, quote(address, safe=""), address.rpartition("@")[0])):  # whole before part
        said = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "[address]", said, flags=re.IGNORECASE)
    return str(redact(_TOKENS.sub("[token]", _PATHS.sub(r"\1/[path]", said))))


def redact(value: Any) -> Any:
    """`value` with telephone numbers, e-mail addresses, credentials and link tokens blacked out, however deep."""
    if isinstance(value, str):
        for pattern, instead in _REDACTED:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, dict):
        return {redact(key): redact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redacted(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value if key.startswith("_") else redact(value) for key, value in event.items()}


@dataclass
class _Seen:
    """One kind of line, and how often it came since `began`."""

    first: logging.LogRecord
    event: str
    began: float
    values: set[Any] = field(default_factory=set)
    repeated: int = 0


class RateLimitedLog(logging.StreamHandler[TextIO]):
    """Writes a repeated line once, and later how often it came, so that no flood of them fills the disk.

    A line is the same when event and values are; one with a traceback when event, kind and place of the error are.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, period_s: float = PERIOD_S) -> None:
        super().__init__(stream)
        self._clock, self._period_s = clock, period_s
        self._seen: dict[tuple[Any, ...], _Seen] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.write_counts(self._clock() - self._period_s if len(self._seen) < MOST_KINDS else None)
        kind, event, values = _kind(record)
        seen = self._seen.get(kind)
        if seen is None:
            seen = self._seen[kind] = _Seen(record, event, self._clock())
        elif values in seen.values or (len(seen.values) >= MOST_ALIKE and record.levelno >= logging.WARNING):
            seen.repeated += 1
            self._start_timer()
            return
        if len(seen.values) <= MOST_ALIKE:
            seen.values.add(values)
        super().emit(record)

    def write_counts(self, before: float | None) -> None:
        """Writes how often each line was repeated whose period began before `before`; None: all of them."""
        for kind in [kind for kind, seen in self._seen.items() if before is None or seen.began <= before]:
            seen = self._seen.pop(kind)
            if seen.repeated:
                times = "once more" if seen.repeated == 1 else f"{seen.repeated} times"
                super().emit(logging.LogRecord(seen.first.name, seen.first.levelno, seen.first.pathname,
                                               seen.first.lineno, "%s … repeated %s", (seen.event, times), None))

    def close(self) -> None:
        with self.lock or threading.RLock():
            if self._timer is not None:
                self._timer.cancel()
            self.write_counts(None)
        super().close()

    def _start_timer(self) -> None:
        """Has the count written at the end of the period, even if nothing else is logged by then."""
        if self._timer is None:
            self._timer = threading.Timer(self._period_s, self._timer_fired)
            self._timer.daemon = True
            self._timer.start()

    def _timer_fired(self) -> None:
        with self.lock or threading.RLock():
            self._timer = None
            self.write_counts(self._clock() - self._period_s)
            if any(seen.repeated for seen in self._seen.values()):
                self._start_timer()


def _kind(record: logging.LogRecord) -> tuple[tuple[Any, ...], str, Any]:
    """(what kind of line it is, its event, its values)."""
    if isinstance(record.msg, dict):  # ours, by structlog
        event, said = str(record.msg.get("event")), str(record.msg.get("exception") or "")
        where = re.findall(r'File ".*", line \d+', said)[-1:]
        error = (said.rpartition("\n")[2].partition(":")[0], *where) if said else None
        values = str(sorted((name, str(value)) for name, value in record.msg.items() if name != "timestamp"))
    else:
        event, values = str(record.msg), str(record.args)
        error = _where(*record.exc_info[1:]) if record.exc_info else None
    return (record.name, record.levelno, event, error), event, None if error else values


def _where(error: BaseException | None, trace: TracebackType | None) -> tuple[str, str]:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error).__name__, f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def configure(form: Literal["text", "json"] | None = None, level: str = "INFO") -> None:
    """Everything to standard error, ours and the libraries': text for a terminal, JSON lines for anything else.

    Colours are for a terminal's eyes: a file or a pipe gets none, and nobody does who set NO_COLOR (no-color.org)."""
    json = form == "json" or (form is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),  # logging's extra={…} becomes fields
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # before the redaction: tracebacks quote values
        _redacted,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback)
    handler = RateLimitedLog(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True)
