"""Renders a notification from its template: subject, short text (SMS), long text and HTML."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal
from unicodedata import normalize

from jinja2 import BytecodeCache, TemplateNotFound

from gateway.config.branding.colours import shades
from gateway.config.settings import Branding
from gateway.model import Instant, to_iso
from gateway.notifications.bundling.titles import title_of_several
from gateway.notifications.catalogue import Catalogue, Catalogues
from gateway.notifications.charts.fault_course import FaultCourse
from gateway.notifications.charts.geometry import Frame
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number
from gateway.notifications.invites.visit_calendar import Invite
from gateway.notifications.mail.letter import Part, parts_of, telephone_link, with_person
from gateway.notifications.mail.tones import COLOURS, COMES, SIGNS, TONES, Tone
from gateway.notifications.wording.overrides import BLOCKS, NO_OVERRIDES, BrokenWording, Overrides
from gateway.notifications.wording.plain_values import readable
from gateway.notifications.wording.sandbox import clip, environment, rendered, sentences

SHORT_NAMES = 150  # characters of the title of several messages and their subjects, and room for a "€"
LOGO_ID = "logo"  # under which a mail carries the picture that its HTML shows
CHART_FRAME = Frame(width=400, height=210, left=52, right=14, top=14, bottom=30)  # readable on a phone, half as large
_PLAIN = Branding()
CHART_ID = "chart"  # … and the chart of a fault
OURS = shades("#0b6e7f", "#5cc3d6")  # of buttons and links, as page.css has them, where no colour is set


@dataclass(frozen=True)
class Facts:
    """Plain values a template may use. What is not known is "" or None, and the template says something else."""

    now: Instant
    zone: str = "UTC"  # the reader's
    reader: str = ""  # who is greeted
    for_customer: bool = True  # else a firm, a technician or one of us reads it
    customer: str = ""
    site: str = ""
    address: str = ""
    town: str = ""
    device: str = ""
    reported: bool = False  # the customer has said so themselves
    on_their_word: bool = False  # a technician says that it is done, and no device can
    cause: str = ""  # in the reader's language
    also: Sequence[str] = ()  # what else the same visit shall settle
    severity: str = ""
    number: str = ""  # ticket or callback id
    window_from: Instant | None = None
    window_until: Instant | None = None
    eta: Instant | None = None
    technician: str = ""
    provider: str = ""
    provider_phone: str = ""
    hear_by: Instant | None = None  # they hear from us again
    before: str = ""  # who was to come until now
    because: str = ""  # why a visit is called off, changed or asked about
    note: str = ""  # what the technician wrote
    incomplete: str = ""  # why the visit could not be finished
    parts: str = ""  # that are missing
    expected_at: Instant | None = None  # when they should be there
    since: Instant | None = None  # the technician has been there
    keeps: bool = False  # without an answer the visit stays as it is
    visit_state: str = ""  # that the visit was in when it was written
    photos: int = 0  # that the customer has sent with their words
    early: bool = False  # the technician comes before the arrival window
    callback_by: Instant | None = None
    ring_from: Instant | None = None  # not before: their slot, or the next try
    presses: int = 1  # 0: nobody pressed, somebody else asked for the call
    tries: int = 0  # that nobody answered
    is_check: bool = False  # we ring of our own accord
    missed_by: Instant | None = None  # we should have called by then
    next_word: Instant | None = None  # they hear from us again by then
    word_by: Instant | None = None  # they should have heard from us by then
    asked: int = 0  # providers that were asked …
    open_offers: int = 0  # … and of them those that have not answered
    held_until: Instant | None = None  # what it waits for should be there
    opens_at: Instant | None = None  # when the next provider can be asked
    urgent: bool = False
    emergency: bool = False  # a call for help …
    emergency_number: str = ""  # … where this one is rung in danger
    pressed_at: Instant | None = None
    suspicion: str = ""  # why perhaps nobody pressed
    test_asked_at: Instant | None = None  # they were asked to test the button
    again: bool = False  # they are reminded of it
    gesture: str = ""  # how it is tested, in their language …
    has_gesture: bool = False  # … and without such words: as our firmware knows it
    battery: int | None = None  # per cent
    next_at: Instant | None = None  # when they are asked for the next test
    expires_at: Instant | None = None  # of an offer
    sla: str = ""  # what a target counts: first_response | update | solution …
    due_at: Instant | None = None  # … its time …
    policy: str = ""  # … and where it was agreed
    by_itself: bool = False  # resolved without anybody coming
    resolution: str = ""
    payers: str = ""  # who pays when somebody comes, a sentence for each device
    payer_short: str = ""  # of an offer, in a few words: the customer or the warranty; "" for all others
    price: str = ""  # at which somebody comes, if the customer agrees …
    price_plain: str = ""  # … in letters that every SMS has …
    answer_by: Instant | None = None  # … and until when they are waited for
    credited_for: str = ""  # what a household is credited for: a GoodwillKind …
    dark_for: int = 0  # … ms, without power
    area: str = ""  # of an outage or of planned work
    homes: int = 0  # in it; for customers roughly, and 0 when there are too few to say
    etr: Instant | None = None  # estimated end
    near: bool = False  # no home of theirs is known to be in it …
    seen: bool = False  # … and a device there shows that it has power
    can_press: bool = False  # they have a button that works, as far as we know
    emergency_button_dead: bool = False  # their emergency button does not, as far as we know …
    we_ring: bool = False  # … or they depend on power: the desk rings them first
    answered: bool = False  # somebody pressed, and this is the answer …
    promised: bool = False  # … in place of the call that they were promised
    form: str = "dark"  # … with what it means to their home: dark | still_dark | back | near | unseen
    restoring: bool = False  # others have power again …
    look_by: Instant | None = None  # … and by then we look whether theirs has a fault of its own
    after_outage: bool = False  # the neighbours have power again
    what: str = ""  # our own fault: carrier | everything | deaf | unheard | clock
    missing: str = ""  # dialects that the broker does not let us hear …
    filters: str = ""  # … with their topic filters
    seconds: int = 0  # by which our clock jumped
    reason: str = ""  # why somebody on call is asked to look: a PageReason …
    asked_before: bool = False  # … and whether somebody has been asked before
    is_call: bool = False  # it is about a callback
    link: str = ""
    service: str = ""
    phone: str = ""
    branding: Branding = _PLAIN  # of the letter around the words
    whom: str = ""  # who could not be told …
    telephones: str = ""  # … at which numbers they are rung …
    told_topic: str = ""  # … what …
    why: str = ""  # … and why
    telephone_only: bool = False  # nothing but a telephone is known of them
    unsure: bool = False  # … and it may have arrived all the same
    household: str = ""  # of a helper's message: whose emergency button it is …
    ring: str = ""  # … and the number there
    to_ring: Sequence[Mapping[str, Any]] = ()  # homes that are to be rung: name, place, telephone, power
    also_late: Sequence[str] = ()  # numbers of other tickets whose time is over
    code: str = ""  # to type on the page
    channel: str = ""  # of a contact that does not work any more …
    reached_at: str = ""  # … and its address, masked
    watched: str = ""  # devices that are heard …
    acted: int = 0  # … and how many of their faults were settled within a year
    items: Sequence[Mapping[str, str]] = ()  # what a message of the day lists: what, link
    preferences: str = ""  # the link to choose what they are sent …
    unsubscribe: str = ""  # … and to have no more of this kind
    chart: FaultCourse | None = None  # what their device has measured, for a mail to draw
    undelivered: Sequence[Mapping[str, str]] = ()  # several who could not be told: name, telephone, what, why
    people: int = 0  # how many they are
    may_be_second: bool = False  # the reader may have it already
    passes_stop: bool = False  # the reader has stopped all messages, and this one goes all the same
    is_test: bool = False  # somebody wants to see how it reads: nothing has happened


FACTS_BY_NAME = frozenset(one.name for one in fields(Facts)) - {"now", "zone", "branding", "for_customer", "chart",
                                                               "unsubscribe"}
WORDED = frozenset({"priority", "why_asked", "todo", "no_rescue_service", "in_danger"})  # made of facts, for a reader


@dataclass(frozen=True)
class Message:
    subject: str
    short: str  # with the link; without it at most 160 GSM characters unless names need more
    long_text: str = ""  # a letter, where there is room for one
    topic: str = ""
    at: str = ""  # RFC 3339
    data: Mapping[str, object] = field(default_factory=dict)  # the facts for machines; times as RFC 3339
    unsubscribe: str = ""  # a POST there ends such messages to that reader (RFC 8058); "": nobody can
    invite: Invite | None = None  # of a visit, for the calendar of whoever goes there
    broken: Sequence[BrokenWording] = ()  # templates of the operator's that could not be used for it …
    own: Sequence[str] = ()  # … and those that were: de/fault_found.short
    body: str = ""  # the long text without greeting, link and signature …
    button: str = ""  # … and what its link is called
    locale: str = ""  # of the catalogue it was worded with
    chart: FaultCourse | None = None  # that its HTML shows
    html: Callable[[], str] = field(default=str, compare=False)  # made where it is shown

    @property
    def long_html(self) -> str:
        """The letter as a mail shows it; "" where there is none."""
        return self.html()


class MessageRenderer:
    """Puts facts into words. `templates`: file name → text, `<topic>.j2` for each topic, and what is around a body;
    `compiled`: where they are kept as code; `overrides`: the operator's own, which go before ours."""

    def __init__(self, templates: Mapping[str, str], catalogues: Catalogues,
                 compiled: BytecodeCache | None = None, overrides: Overrides = NO_OVERRIDES) -> None:
        self.catalogues, self.overrides, self.templates, self._compiled = catalogues, overrides, templates, compiled
        self._text = environment({name: text for name, text in templates.items() if name != _LAYOUT}, compiled)
        self._html = environment({_LAYOUT: templates[_LAYOUT]}, compiled, autoescape=True)
        for one in (self._text, self._html):
            for name in one.list_templates():
                one.get_template(name)  # now, and not when the first message is due

    def with_overrides(self, overrides: Overrides) -> "MessageRenderer":
        """The same, with these templates of the operator's."""
        if overrides is self.overrides:
            return self
        return MessageRenderer(self.templates, self.catalogues, self._compiled, overrides)

    def word(self, topic: str, locale: str, facts: Facts, form: Literal["short", "long"] = "long") -> Message:
        """The message in `locale`, or in English when nobody has written that language; `short`: without the letter.
        KeyError for an unknown topic."""
        facts = readable(facts)
        catalogue = self.catalogues.best_for(locale)
        times = TimeFormat(catalogue, facts.zone, facts.now)
        values = vars(facts) | {
            "say": catalogue, "when": times.when, "span": times.span, "lasts": times.duration,
            "priority": _worded("severity", facts.severity, catalogue),
            "count": partial(number, locale=catalogue.locale),
            "why_asked": _worded("page_reason", facts.reason, catalogue),
            "todo": _worded("page_todo", facts.reason, catalogue),
            "no_rescue_service": no_rescue_service(facts.emergency_number, catalogue), "sentences": sentences,
            "in_danger": in_danger(facts.emergency_number, catalogue),
        }
        try:
            template = self._text.get_template(f"{topic}.j2")
        except TemplateNotFound:
            raise KeyError(f"no wording for topic {topic!r}") from None
        context = template.new_context(values, shared=True)
        blocks = {name: "".join(template.blocks[name](context)).strip() for name in _BLOCKS[form]}
        own, broken = self._override(blocks, topic, catalogue.locale, values)
        second = catalogue("message.second_copy_short") if facts.may_be_second else ""
        test = catalogue("message.only_a_test") if facts.is_test else ""
        short = " ".join(to_gsm_characters(f"{test} {second} {capitalized(blocks['short'])}").split())
        subject = f"{test} {capitalized(' '.join(_BREAKS.split(blocks['subject'])))}".lstrip()
        message = Message(subject=subject, short=f"{short} {facts.link}".strip(), topic=topic, at=to_iso(facts.now),
                          data=webhook_data(facts), broken=broken, own=own, locale=catalogue.locale)
        return message if form == "short" else self._with_letter(message, blocks, values, times, facts)

    def _with_letter(self, message: Message, blocks: Mapping[str, str], values: Mapping[str, Any], times: TimeFormat,
                     facts: Facts) -> Message:
        letter = rendered(self._text.get_template(_LETTER), {**values, **blocks}).strip() + "\n"
        below = [f"{name}{times.catalogue.colon}{page}" for name, page in legal_pages(facts.branding, times.catalogue)]
        return replace(message, body=blocks["body"], button=blocks["button"],
                       long_text="\n".join([letter, *below]).rstrip("\n") + "\n", chart=facts.chart,
                       html=partial(self._letter_as_html, message, times, letter, blocks, facts))

    def together(self, pieces: Sequence[tuple[Message, Facts]]) -> Message:
        """Several messages to one reader as one, under each other, each with its own link. The short form names as many
        as there is room for, and leads to where the first one does."""
        first, facts = pieces[0]
        catalogue, link = self.catalogues.best_for(first.locale), facts.link
        title = title_of_several([one.device for _, one in pieces], [one.site for _, one in pieces], catalogue)
        named = "; ".join(one.subject for one, _ in pieces)
        short = " ".join(to_gsm_characters(f"{title} - {clip(named, SHORT_NAMES - len(title))}").split())
        message = Message(subject=title, short=f"{short} {link}".strip(), at=first.at, locale=first.locale)
        return self._with_pieces(message, pieces, catalogue) if first.long_text else message

    def _with_pieces(self, message: Message, pieces: Sequence[tuple[Message, Facts]], catalogue: Catalogue) -> Message:
        facts = pieces[0][1]
        ends = facts.unsubscribe if len({one.unsubscribe for _, one in pieces}) == 1 else ""  # only what ends them all
        facts = replace(facts, link="", number="", chart=None, may_be_second=False, is_test=False, unsubscribe=ends)
        values: dict[str, Any] = vars(facts) | {"say": catalogue, "button": ""}
        body = rendered(self._text.get_template(_TOGETHER), values | {"pieces": [
            {"subject": one.subject, "body": capitalized(one.body), "button": one.button, "link": about.link}
            for one, about in pieces]}).strip()
        letter = rendered(self._text.get_template(_LETTER), values | {"body": body}).strip() + "\n"
        below = [f"{name}{catalogue.colon}{page}" for name, page in legal_pages(facts.branding, catalogue)]
        html = partial(self._pieces_as_html, message, TimeFormat(catalogue, facts.zone, facts.now), pieces, facts)
        return replace(message, long_text="\n".join([letter, *below]).rstrip("\n") + "\n", html=html)

    def _pieces_as_html(self, message: Message, times: TimeFormat, pieces: Sequence[tuple[Message, Facts]], facts: Facts
                        ) -> str:
        hello = (times.catalogue("message.hello_reader", reader=facts.reader) if facts.reader
                 else times.catalogue("message.hello"))
        parts = [Part(lines=[(hello, "")])]
        for number_, (one, about) in enumerate(pieces, 1):
            parts += [Part(heading=f"{number_}. {one.subject}"),
                      *_parts(one.topic, capitalized(one.body), replace(about, chart=None))]
            parts += [Part(button=(one.button, about.link))] if about.link else []
        tone = min((TONES.get(one.topic, Tone.QUIET) for one, _ in pieces), key=list(Tone).index)
        short = "; ".join(one.subject for one, _ in pieces)
        return self._html_of(message, times, {"short": short, "button": ""}, facts, parts, tone)

    def _override(self, blocks: dict[str, str], topic: str, locale: str, values: dict[str, Any]
                  ) -> tuple[list[str], list[BrokenWording]]:
        """Puts the operator's words in the place of ours. Returns the templates that did, and those that break: ours
        stay."""
        own, broken = [], []
        for form, block in BLOCKS.items():
            override = self.overrides.of(topic, locale, form) if block in blocks else None
            if override is not None:
                try:
                    blocks[block] = override.words(values, locale)
                    own.append(override.name)
                except Exception as error:  # whatever it is, somebody has to be told what the message tells
                    broken.append(override.broken(error))
        return own, broken

    def _letter_as_html(self, message: Message, times: TimeFormat, letter: str, blocks: Mapping[str, str],
                        facts: Facts) -> str:
        return self._html_of(message, times, blocks, facts, _parts(message.topic, letter, facts),
                             TONES.get(message.topic, Tone.QUIET))

    def _html_of(self, message: Message, times: TimeFormat, blocks: Mapping[str, str], facts: Facts,
                 parts: Sequence[Part], tone: Tone) -> str:
        catalogue = times.catalogue
        return rendered(self._html.get_template(_LAYOUT), {
            "locale": catalogue.tag, "subject": message.subject, "preheader": " ".join(blocks["short"].split()),
            "tone": catalogue(f"message.tone.{tone}"), "sign": SIGNS[tone], "tone_light": COLOURS[tone][0],
            "tone_dark": COLOURS[tone][1], "parts": parts,
            "number": facts.number, "link": facts.link, "button": blocks["button"],
            "chart": facts.chart, "chart_id": CHART_ID, "chart_width": CHART_FRAME.width,
            "chart_when": _chart_when(facts.chart, times),
            "service": facts.service, "phone": facts.phone, "phone_link": telephone_link(facts.phone),
            "call_us": catalogue("page.call_us"), "colon": catalogue.colon,
            "choices": [(catalogue(name), page) for name, page in (
                ("message.preferences", facts.preferences), ("message.unsubscribe", facts.unsubscribe)) if page],
            "legal": legal_pages(facts.branding, catalogue), "logo": LOGO_ID if facts.branding.logo else "",
            "colours": shades(facts.branding.colour, facts.branding.colour_dark or "") if facts.branding.colour
            else OURS})


def _parts(topic: str, letter: str, facts: Facts) -> list[Part]:
    """Of the letter what stands in the middle of the mail: not its button, and not who sends it."""
    edges = [one for one in (facts.link, facts.preferences, facts.unsubscribe, signed_by(facts)) if one]
    parts = parts_of(letter, edges, facts.chart.facts.title if facts.chart is not None else "",
                     [one["link"] for one in facts.items if one["link"]], unbroken=facts.phone)
    return with_person(parts, facts.technician, facts.provider) if topic in COMES else parts


def _chart_when(chart: FaultCourse | None, times: TimeFormat) -> str:
    return times.span(chart.facts.course[0][0], chart.facts.course[-1][0]) if chart is not None else ""


def signed_by(facts: Facts) -> str:
    """The line below a letter."""
    return f"{facts.service}, {facts.phone}" if facts.phone else facts.service


def legal_pages(branding: Branding, catalogue: Catalogue) -> list[tuple[str, str]]:
    """(its name, its address) of the operator's pages that stand below every mail."""
    pages = ((catalogue("page.imprint"), branding.imprint), (catalogue("page.privacy"), branding.privacy))
    return [(name, address) for name, address in pages if address]


def topic_name(topic: str, catalogue: Catalogue) -> str:
    """How people call it, e.g. "fault found"; KeyError for an unknown topic."""
    return catalogue(f"topic.{topic}")


def in_danger(number: str, catalogue: Catalogue) -> str:
    """Whom anybody calls who is in danger: never us; `number` "": the country is not known."""
    return catalogue("message.if_in_danger", number=number or catalogue("message.local_emergency_number"))


def no_rescue_service(number: str, catalogue: Catalogue) -> str:
    """What every answer to a call for help says; `number` "": the country is not known."""
    return catalogue("message.no_rescue_service", number=number or catalogue("message.local_emergency_number"))


def to_gsm_characters(text: str) -> str:
    """Typographic characters as their GSM 03.38 cousins, and `á` as `a`, as people write in an SMS: one "–" would make
    it twice as expensive."""
    return text.replace("«\u00a0", '"').replace("\u00a0»", '"').translate(_GSM)


def webhook_data(facts: Facts) -> dict[str, object]:
    """The facts that are known, for a webhook's reader: times as RFC 3339."""
    times = ("now", "window_from", "window_until", "eta", "hear_by", "expected_at", "since", "callback_by",
             "expires_at", "etr", "pressed_at", "due_at", "answer_by", "next_word", "word_by", "opens_at", "missed_by",
             "held_until", "test_asked_at", "next_at")
    known = {name: value for name, value in vars(facts).items()
             if value and name not in ("now", "for_customer", "branding", "chart", "unsubscribe")}
    return {name: to_iso(value) if name in times else value for name, value in known.items()}


def capitalized(text: str) -> str:
    """`heating: …` begins a sentence as `Heating: …`; a name that is written otherwise on purpose (`iPump`) stays."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.islower() else text


def _worded(group: str, kind: str, catalogue: Catalogue) -> str:
    """One word or sentence of a group of them; a kind that the catalogue lacks stays as it is."""
    return catalogue(f"{group}.{kind}") if catalogue.has(f"{group}.{kind}") else kind


_BREAKS = re.compile(r"[ \t\r\n]+")  # not the no-break spaces of a language
_TOGETHER, _LETTER = "together.j2", "letter.j2"
_LAYOUT, _BLOCKS = "layout.html.j2", {"short": ("subject", "short"), "long": ("subject", "short", "body", "button")}
_PUNCTUATION = {"–": "-", "—": "-", "‑": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "…": "...",
                "\u00a0": " ", "\u202f": " ", "\u2009": " ", "•": "-", "×": "x", "·": "-", "°": None,
                "«": '"', "»": '"'}
_HAS_ITS_ACCENT = frozenset("ÄÅÇÉÑÖÜàäåèéìñòöùü")  # in that alphabet
_ACCENTED = {letter: plain for letter in map(chr, range(0xc0, 0x180))
             if letter not in _HAS_ITS_ACCENT and (plain := normalize("NFD", letter)[0]) != letter}
_GSM = str.maketrans(_PUNCTUATION | _ACCENTED)
