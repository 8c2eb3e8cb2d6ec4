"""What people read: one template per topic and language, put into a short, a long and an HTML form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from gateway.model import Instant, to_iso
from gateway.wording.counts import number
from gateway.wording.times import span, when

LOCALES = ("en", "de")
TOPICS = (
    "fault_found", "technician_assigned", "on_the_way", "resolved", "callback_scheduled",  # to customers
    "worse",  # to customers and providers
    "outage", "outage_longer", "outage_over", "maintenance",  # to customers of a whole area
    "offer", "offer_withdrawn",  # to providers
    "nobody_left", "callback_overdue", "undeliverable",  # to the dispatcher
    "own_fault", "own_fault_over", "rule_broken",  # to the dispatcher, about ourselves
)

_NAMES = {
    "fault_found": {"en": "fault found", "de": "Störung bemerkt"},
    "technician_assigned": {"en": "technician assigned", "de": "Fachperson gefunden"},
    "on_the_way": {"en": "on the way", "de": "unterwegs"},
    "resolved": {"en": "fixed", "de": "behoben"},
    "callback_scheduled": {"en": "callback promised", "de": "Rückruf versprochen"},
    "offer": {"en": "job offer", "de": "Auftrag angeboten"},
    "offer_withdrawn": {"en": "job offer withdrawn", "de": "Auftrag zurückgezogen"},
    "nobody_left": {"en": "nobody left to ask", "de": "niemand mehr zu fragen"},
    "callback_overdue": {"en": "callback overdue", "de": "Rückruf überfällig"},
    "undeliverable": {"en": "could not be told", "de": "nicht erreicht"},
    "outage": {"en": "power cut", "de": "Stromausfall"},
    "outage_longer": {"en": "power cut takes longer", "de": "Stromausfall dauert länger"},
    "outage_over": {"en": "power cut over", "de": "Stromausfall vorbei"},
    "maintenance": {"en": "planned power cut", "de": "geplante Abschaltung"},
    "own_fault": {"en": "our own fault", "de": "eigene Störung"},
    "worse": {"en": "more serious now", "de": "dringender geworden"},
    "rule_broken": {"en": "a rule is broken", "de": "eine Regel ist fehlerhaft"},
    "own_fault_over": {"en": "our own fault over", "de": "eigene Störung vorbei"},
}
_PRIORITY: dict[str, dict[str, str]] = {
    "en": {}, "de": {"warning": "Warnung", "minor": "gering", "major": "hoch", "critical": "höchste"},
}


@dataclass(frozen=True)
class Facts:
    """Plain values a template may use. What is not known is "" or None, and the template says something else."""

    now: Instant
    zone: str = "UTC"  # the reader's
    reader: str = ""  # who is greeted
    customer: str = ""
    site: str = ""
    address: str = ""
    town: str = ""
    device: str = ""
    cause: str = ""  # in the reader's language
    severity: str = ""
    number: str = ""  # ticket or callback id
    window_from: Instant | None = None
    window_until: Instant | None = None
    eta: Instant | None = None
    technician: str = ""
    provider: str = ""
    provider_phone: str = ""
    callback_by: Instant | None = None
    urgent: bool = False
    expires_at: Instant | None = None  # of an offer
    by_itself: bool = False  # resolved without anybody coming
    resolution: str = ""
    area: str = ""  # of an outage or of planned work
    homes: int = 0  # in it; for customers roughly, and 0 when there are too few to say
    etr: Instant | None = None  # estimated end
    answered: bool = False  # somebody pressed, and this is the answer
    after_outage: bool = False  # the neighbours have power again
    what: str = ""  # our own fault: carrier | everything | deaf | unheard | clock
    missing: str = ""  # dialects that the broker does not let us hear …
    filters: str = ""  # … with their topic filters
    seconds: int = 0  # by which our clock jumped
    link: str = ""
    service: str = ""
    phone: str = ""
    whom: str = ""  # who could not be told …
    told_topic: str = ""  # … what …
    why: str = ""  # … and why


@dataclass(frozen=True)
class Message:
    subject: str
    short: str  # with the link; without it at most 160 GSM characters unless names need more
    long_text: str
    long_html: str = ""
    topic: str = ""
    at: str = ""  # RFC 3339
    data: Mapping[str, object] = field(default_factory=dict)  # the facts for machines; times as RFC 3339


def word(topic: str, locale: str, facts: Facts) -> Message:
    """The message in `locale`, or in English when we do not write that language; KeyError for an unknown topic."""
    if topic not in TOPICS:
        raise KeyError(f"no wording for topic {topic!r}; expected one of {', '.join(TOPICS)}")
    locale = locale if locale in LOCALES else "en"
    values = vars(facts) | {
        "priority": _PRIORITY[locale].get(facts.severity, facts.severity),
        "count": partial(number, locale=locale),
        "when": partial(when, locale=locale, now=facts.now, zone=facts.zone),
        "span": partial(span, locale=locale, now=facts.now, zone=facts.zone),
    }
    template = _TEXT.get_template(f"{locale}/{topic}.j2")
    context = template.new_context(values)
    blocks = {name: "".join(template.blocks[name](context)) for name in ("subject", "short", "body", "button")}
    letter = _TEXT.get_template(f"{locale}/letter.j2").render(values | blocks).strip() + "\n"
    short = gsm(" ".join(blocks["short"].split()))
    subject = " ".join(blocks["subject"].split())
    return Message(
        subject=subject, short=f"{short} {facts.link}".strip(), long_text=letter,
        long_html=_html(locale, subject, letter, blocks["button"].strip(), facts),
        topic=topic, at=to_iso(facts.now), data=for_machines(facts),
    )


def topic_name(topic: str, locale: str = "en") -> str:
    """How people call it, e.g. "fault found"."""
    return _NAMES[topic][locale if locale in LOCALES else "en"]


def gsm(text: str) -> str:
    """Typographic characters as their GSM 03.38 cousins: one "–" would make an SMS twice as expensive."""
    return text.translate(_GSM)


def for_machines(facts: Facts) -> dict[str, object]:
    """The facts that are known, for a webhook's reader: times as RFC 3339."""
    times = ("now", "window_from", "window_until", "eta", "callback_by", "expires_at", "etr")
    known = {name: value for name, value in vars(facts).items() if name != "now" and value not in ("", None, 0)}
    return {name: to_iso(value) if name in times else value for name, value in known.items()}


def clip(text: str, length: int) -> str:
    """At most `length` characters, cut at a word, with three dots where something is missing."""
    if len(text) <= length:
        return text
    return text[:length - 3].rsplit(" ", 1)[0].rstrip(" ,;:") + "..."


def _html(locale: str, subject: str, letter: str, button: str, facts: Facts) -> str:
    paragraphs = [part for part in letter.strip().split("\n\n") if not facts.link or facts.link not in part]
    return _HTML.get_template("layout.html.j2").render(
        locale=locale, subject=subject, paragraphs=paragraphs, link=facts.link, button=button, service=facts.service)


def _environment(autoescape: bool) -> Environment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=autoescape,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False)  # asking the disk took most of the time of a message
    environment.filters["clip"] = clip
    return environment


_TEXT, _HTML = _environment(autoescape=False), _environment(autoescape=True)
_GSM = str.maketrans({"–": "-", "—": "-", "‑": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "…": "...",
                      "\u00a0": " ", "\u202f": " ", "\u2009": " ", "•": "-", "×": "x", "·": "-", "°": None,
                      "«": '"', "»": '"'})
