"""The log: one line an event, with nothing in it that belongs to a person or opens a door."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

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

QUIET = ("httpx", "httpcore", "urllib3", "alembic", "asyncio", "mail.log")  # they log what we must not


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


def configure(form: Literal["text", "json"] | None = None, level: str = "INFO") -> None:
    """Everything to standard error, ours and the libraries': text for a terminal, JSON lines for anything else."""
    json = form == "json" or (form is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # before the redaction: tracebacks quote values
        _redacted,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True)
