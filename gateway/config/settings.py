"""The settings: their names, types, limits and defaults; one story, of all that gateway.yaml may say, which
gateway.config.settings_loader reads."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from gateway.config.field_types import (
    AppriseTemplate,
    CallTemplate,
    ClientId,
    Colour,
    Country,
    Email,
    Hotline,
    HttpUrl,
    Locale,
    MapTiles,
    MessageRate,
    Name,
    Phone,
    TimeZone,
    WebhookSecret,
    limit_of_each,
)
from gateway.model.instant import HOUR
from gateway.model.states import PromiseKind, Role, Severity

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WEAK_SECRETS = (  # how the secrets of examples, demonstrations and forms to fill in begin
    "change-me", "changeme", "change_me", "default", "demo", "example", "insert", "password", "please", "replace",
    "secret", "todo", "your",
)

MOST_OFTEN = 10  # minutes between two words on the same fault
NEXT_WORD_MINUTES = {Severity.CRITICAL: 30, Severity.MAJOR: 60, Severity.MINOR: 240, Severity.WARNING: 480}


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mqtt(Section):
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(1883, ge=1, le=65535)
    client_id: ClientId = Field("gateway", min_length=1, max_length=60)  # fixed: the broker keeps our session under it
    version: Literal["3.1.1", "5"] = "3.1.1"  # both cost the same to receive (ADR 27)
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    durable: bool = False  # you say that the broker keeps on disk what it acknowledged: that cannot be tried from here
    share: str | None = None  # group name: several gateways subscribe as $share/<group>/…
    queue: int = Field(4000, ge=10, le=60_000)  # messages held in memory and not yet acknowledged


class Web(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: HttpUrl = "http://127.0.0.1:8080"  # what links in messages start with
    # of a map below "where they are", e.g. https://tiles.example.com/{z}/{x}/{y}.png; "": a drawing without a map
    map_tiles: MapTiles = ""
    map_attribution: str = Field("", max_length=200)  # whose map it is, as its licence wants it said

    @model_validator(mode="after")
    def _says_whose_map(self) -> "Web":
        if self.map_tiles and not self.map_attribution.strip():
            raise ValueError("map_attribution is missing, though there are map_tiles — expected whose map it is, e.g. "
                             "© OpenStreetMap contributors")
        return self

    @property
    def map_origin(self) -> str:
        """Where the tiles come from, as a content security policy names it."""
        return "https://" + urlsplit(self.map_tiles).netloc if self.map_tiles else ""


class Smtp(Section):
    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65535)
    sender: Email  # the From address
    sender_name: str = ""
    username: str | None = None
    password: SecretStr | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"


class Webhook(Section):
    secret: WebhookSecret  # Standard Webhooks signing secret, "whsec_…"
    allow_private: bool = False  # may post to private and loopback addresses


class Channels(Section):
    email: Smtp | None = None
    webhook: Webhook | None = None
    # name → Apprise URL with {address} where the verified address goes, e.g. sms: "twilio://sid:token@+4144…/{address}"
    apprise: dict[str, AppriseTemplate] = Field(default_factory=dict)
    # name → what it takes, e.g. sms: 5/15min, email: 20/s; channels of one provider share one, sms+voice: 10/min
    limits: dict[str, MessageRate] = Field(default_factory=dict)

    @field_validator("limits")
    @classmethod
    def _once(cls, limits: dict[str, Any]) -> dict[str, Any]:
        names = [name for key in limits for name in key.split("+")]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} has two limits — expected each channel once, e.g. sms+voice: 10/min")
        return limits

    @property
    def limit_of(self) -> dict[str, str]:
        """Channel → the name of its limit."""
        return limit_of_each(self.limits)


def _contacts(contacts: list[dict[str, str]]) -> list[dict[str, str]]:
    if any(set(contact) != {"channel", "address"} for contact in contacts):
        raise ValueError("expected each as {channel: email, address: dispatch@example.com}")
    return contacts


Contacts = Annotated[list[dict[str, str]], AfterValidator(_contacts)]  # tried in this order


class OfferWaves(Section):
    """How providers are asked: the best few at once, then the next few beside them, then a person."""

    waves: int = Field(3, ge=1, le=20)
    size: int = Field(3, ge=1, le=50)  # providers asked at once
    wait_minutes: int = Field(20, ge=1)  # before the next wave
    first_wait_minutes: int = Field(20, ge=1)  # of who is asked alone, before all others


class Offers(Section):
    """The waves of urgent work (major and critical), by the clock, and of other work, in a provider's working time."""

    urgent: OfferWaves = OfferWaves(waves=3, size=5, wait_minutes=3, first_wait_minutes=3)
    normal: OfferWaves = OfferWaves(waves=3, size=3, wait_minutes=20, first_wait_minutes=20)

    def of(self, *, urgent: bool) -> OfferWaves:
        return self.urgent if urgent else self.normal


class Service(Section):
    """Times and hours promised to customers, and the people behind them."""

    # "shadow": all is decided, worded and written down, and only what a person's press asks for leaves the house
    mode: Literal["on", "shadow"] = "on"
    live_areas: list[str] = Field(default_factory=list)  # area ids; in the shadow mode, what lies in them is on
    price_answer_minutes: int = Field(240, ge=1)  # how long a customer is waited for who has to agree to a price
    offers: Offers = Offers()
    arrival_hours: int = Field(4, ge=1)  # the arrival window promised when a provider accepts without naming one
    # by when customers hear from us again while nobody comes yet, by severity; twice as long each time
    next_word_minutes: dict[Severity, int] = Field(default_factory=lambda: dict(NEXT_WORD_MINUTES))
    travel_minutes: int = Field(30, ge=1, le=24 * 60)  # how long a technician drives whose firm's place is not known
    work_minutes: int = Field(60, ge=1, le=24 * 60)  # how long a technician is expected to work at a site
    move_hours: int = Field(4, ge=1, le=14 * 24)  # until so long before an arrival window customers move it themselves
    needed_minutes: int = Field(30, ge=1)  # a customer has to say whether somebody shall come though it works again
    # a critical message whose page nobody opens within so long goes out on another channel too; 0: never
    unopened_minutes: int = Field(10, ge=0, le=24 * 60)
    callback_minutes: int = Field(60, ge=1)
    callback_minutes_urgent: int = Field(15, ge=1)
    callback_hours: dict[str, list[tuple[str, str]]] | None = None  # None: at any hour
    callback_days_off: dict[str, Any] = Field(default_factory=dict)  # nobody is at the desk: {country: DE, …}
    callback_timezone: TimeZone = "UTC"
    undo_seconds: int = Field(120, ge=0, le=600)  # so long a technician can take back how a visit ended; 0: not at all
    callback_slot_minutes: int = Field(60, ge=10, le=8 * 60)  # how long the time is in which somebody wants to be rung
    callback_tries: int = Field(5, ge=1, le=20)  # how often somebody is rung who does not answer (ServiceNow: 5)
    callback_retry_minutes: list[Annotated[int, Field(ge=1)]] = Field([15, 60, 120, 240], min_length=1)  # between them
    recurrence_minutes: int = Field(15, ge=0)  # a fault back within this time reopens the same ticket
    survey: bool = False  # whether customers are asked how it went, once their ticket is closed
    settle_seconds: int = Field(60, ge=0)  # a fault that cleared must stay away this long before it counts as fixed
    dispatcher: Contacts = Field(default_factory=list)  # [{channel: email, address: …}]
    emergency: Contacts = Field(default_factory=list)  # likewise, all at once, at any hour
    country: Country = ""  # of sites that do not say theirs: whose emergency number is named
    outage_skill: str = "electrical"  # what a firm must be able to do to be asked about a whole area; "": anybody
    nested_minutes: int = Field(10, ge=1)  # a home still dark so long after its neighbours gets its own ticket
    phone: Hotline = ""  # the number customers may call, printed in messages
    # how technicians ring customers: through a bridge that asks for a PIN, e.g. "tel:+41445550000,,{pin}#"; "": they
    # are shown the number while they are on the way or there
    call_template: CallTemplate = ""
    name: str = "Your service team"  # who signs the messages

    @field_validator("next_word_minutes")
    @classmethod
    def _every_severity(cls, minutes: dict[Severity, int]) -> dict[Severity, int]:
        """Those that are not named keep their defaults."""
        if short := [severity for severity, number in minutes.items() if number < MOST_OFTEN]:
            raise ValueError(f"{short[0]}: expected at least {MOST_OFTEN} minutes")
        return NEXT_WORD_MINUTES | minutes


class Branding(Section):
    """What pages and mails look like; whose they are say service.name and service.phone."""

    colour: Colour = ""  # of buttons and links, "#rrggbb"; "": ours
    colour_dark: Colour = ""  # of the same on dark pages; "": a lighter shade of it
    logo: Path | None = None  # PNG or JPEG
    imprint: HttpUrl | None = None  # pages of yours that every page and mail links to
    privacy: HttpUrl | None = None


class OnCallPerson(Section):
    """Somebody who can be paged."""

    name: Name
    contacts: Contacts = Field(min_length=1)
    locale: Locale = "en"
    timezone: TimeZone | None = None  # in which they read times; None: on_call.timezone
    phone: Phone = ""  # for colleagues to ring


class Shift(Section):
    """Who is on call in some hours of the week."""

    people: list[str] = Field(min_length=1)  # of on_call.people; the first is paged first
    hours: dict[str, list[tuple[str, str]]] | None = None  # None: at any hour
    timezone: TimeZone | None = None  # of the hours; None: on_call.timezone
    days_off: dict[str, Any] | None = None  # on which the hours do not hold: {country: DE, subdivision: BY, …}


class OnCall(Section):
    """Who is paged, one after the other, until somebody acknowledges; after the last again the first, without end.

    Of a role all shifts that are on duty count, in their order. A role without shifts: everybody in service.dispatcher
    or service.emergency together, again and again; but for calls for help after twice as long each time, up to an hour.
    """

    people: dict[str, OnCallPerson] = Field(default_factory=dict)
    timezone: TimeZone = "UTC"
    # one person is waited for …; without shifts: before the second message, then twice as long each time, up to an hour
    minutes: int = Field(5, ge=1, le=120)
    emergency_seconds: int = Field(60, ge=10, le=600)  # … of a call for help
    dispatcher: list[Shift] = Field(default_factory=list)
    emergency: list[Shift] = Field(default_factory=list)  # calls for help


def _cents(amount: Any) -> int:
    """`5`, `5.5` or `"5.50"` → hundredths."""
    text = str(amount)
    if isinstance(amount, bool) or not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,2})?", text):
        raise ValueError("expected an amount in the currency of goodwill, with at most two decimals, e.g. 5 or 7.50")
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _some_cents(amount: Any) -> int:
    if (cents := _cents(amount)) == 0:
        raise ValueError("expected more than 0")
    return cents


def _waited_for(kind: PromiseKind) -> PromiseKind:
    if kind not in WAITED_FOR:
        raise ValueError(f"expected some of {', '.join(WAITED_FOR)}")
    return kind


WAITED_FOR = (PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA, PromiseKind.CALLBACK_BY)  # somebody stayed in for them
Cents = Annotated[int, BeforeValidator(_cents)]
SomeCents = Annotated[int, BeforeValidator(_some_cents)]


class GoodwillRule(Section):
    """What is credited for one kind of harm. Of several that fit the same home and harm the largest counts."""

    outage_hours: Annotated[float, Field(gt=0, le=366 * 24)] | None = None  # the home was dark for longer
    promise_broken: list[Annotated[PromiseKind, AfterValidator(_waited_for)]] | None = Field(None, min_length=1)
    credit: SomeCents

    @model_validator(mode="after")
    def _one_condition(self) -> "GoodwillRule":
        if (self.outage_hours is None) == (self.promise_broken is None):
            raise ValueError("expected either outage_hours or promise_broken")
        return self

    @property
    def outage_ms(self) -> int | None:
        return None if self.outage_hours is None else round(self.outage_hours * HOUR)

    @property
    def key(self) -> str:
        """The same for the same condition, whatever is credited: each is met once for one home and harm."""
        if self.promise_broken is not None:
            return "promise:" + "+".join(sorted(self.promise_broken))
        return f"outage:{self.outage_ms}"


class Gestures(Section):
    """What an agent may credit of their own accord, in the currency of goodwill; 0: nothing."""

    most: Cents = 0  # at once
    agent_day: Cents = 0  # by one agent in 24 hours
    household_month: Cents = 0  # to one household in 30 days, whoever gives it


class Goodwill(Section):
    """What customers are credited for harm, without asking for it. Without `live_from` it is only worked out."""

    currency: str = Field("EUR", pattern="^[A-Z]{3}$")
    live_from: date | None = None  # what is over since that day (UTC) is credited and told; None: a dry run
    cap: Cents | None = None  # more than this for one outage or visit waits for a person; None: nothing does
    approvers: list[str] = Field(default_factory=list)  # of on_call.people, the first first; []: service.dispatcher
    approve_hours: int = Field(24, ge=1, le=14 * 24)  # each of them is waited for
    rules: list[GoodwillRule] = Field(default_factory=list)
    gestures: Gestures = Gestures()

    @field_validator("rules")
    @classmethod
    def _each_once(cls, rules: list[GoodwillRule]) -> list[GoodwillRule]:
        keys = [rule.key for rule in rules]
        if double := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"{double}: expected each condition once")
        return rules


class Oidc(Section):
    """Signing in at the console through an identity provider (OpenID Connect); docs/operations.md."""

    issuer: str  # as its discovery document spells it, to the last slash; https, or on this machine
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    name: str = "your company's account"  # the button: Sign in with …
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    groups_claim: str = "groups"
    # group → role; of several the first line that fits counts. Who has no account here and none of these is refused
    roles: dict[str, Literal[Role.AGENT, Role.DISPATCHER, Role.OPERATOR, Role.AUDITOR]] = Field(default_factory=dict)

    @field_validator("issuer")
    @classmethod
    def _not_in_the_clear(cls, issuer: str) -> str:
        where = urlsplit(issuer)
        if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOOPBACK):
            raise ValueError(f"{issuer!r} — expected an address with https://")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("expected openid among them")
        return scopes


class SignIn(Section):
    oidc: Oidc | None = None


class Settings(Section):
    """Everything the operator decides. `gateway.config.settings_loader.load` makes it: `Settings(…)` reads no file."""

    database_url: str = "sqlite:///gateway.db"
    secret: SecretStr = SecretStr("")  # signs links; at least 32 characters
    profiles: Path = Path("profiles")  # when nothing is set: beside gateway.yaml, and with none there the shipped ones
    sla: Path | None = None  # when nothing is set: sla.yaml beside gateway.yaml, and with none there the shipped one
    mappings: Path | None = None  # folder of dialects made of configuration, docs/mappings.md
    wording: Path | None = None  # folder of the operator's own message templates, docs/messages.md
    fleet: Path | None = None
    broker_files: Path | None = None  # folder for Mosquitto's password and access file; None: written on demand only
    broker_reload: tuple[str, ...] = ()  # command that makes the broker read them again, word by word, run by no shell
    readings_days: int = Field(30, ge=1)
    dialects: tuple[str, ...] | None = None  # docs/dialects.md; None: all
    mqtt: Mqtt = Mqtt()
    web: Web = Web()
    channels: Channels = Channels()
    service: Service = Service()
    branding: Branding = Branding()
    on_call: OnCall = OnCall()
    sign_in: SignIn = SignIn()
    goodwill: Goodwill = Goodwill()

    @property
    def reach_somebody_at_any_hour(self) -> bool:
        """Whether a call for help has somebody of its own to go to."""
        return bool(self.on_call.emergency or self.service.emergency)

    @field_validator("database_url")
    @classmethod
    def _sqlite_or_postgresql(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("expected sqlite:///FILE or postgresql://HOST/DATABASE")
        return url

    @model_validator(mode="after")
    def _approvers_are_people(self) -> "Settings":
        for number, name in enumerate(self.goodwill.approvers):
            if name not in self.on_call.people:
                known = ", ".join(self.on_call.people) or "none yet"
                raise ValueError(f"goodwill.approvers[{number}]: {name!r} — expected one of on_call.people: {known}")
        return self

    @model_validator(mode="after")
    def _no_weak_secret_in_public(self) -> "Settings":
        secret = self.secret.get_secret_value()
        shortest = min(map(len, secret.split()), default=32) if "\n" in secret.strip() else len(secret) or 32
        if shortest < 32:
            raise ValueError(f"secret: {shortest} characters — expected at least 32; try `openssl rand -hex 32`")
        if self.web.host not in LOOPBACK and not secret:
            raise ValueError(
                f"web.host: {self.web.host!r} is not a loopback address, so links need a secret — "
                "put at least 32 characters in GATEWAY_SECRET or in a secrets file"
            )
        seen_by_others = self.web.host not in LOOPBACK or urlsplit(self.web.public_url).hostname not in LOOPBACK
        each = secret.split() if "\n" in secret.strip() else [secret]  # several: one a line (docs/operations.md)
        for one in each if seen_by_others else ():
            if one.lower().startswith(WEAK_SECRETS):
                raise ValueError("secret: an example's, which everybody knows — expected your own in GATEWAY_SECRET")
            if one and easily_guessed(one):
                raise ValueError("secret: a pattern that can be guessed (few different characters, repeated or in "
                                 "order) — expected a random one in GATEWAY_SECRET; try `openssl rand -hex 32`")
        return self


def easily_guessed(secret: str) -> bool:
    """Whether it has few different characters, says the same again and again, or runs through an alphabet.

    32 random hexadecimal digits are taken for one in less than one of ten million cases.
    """
    threes = [secret[at:at + 3] for at in range(len(secret) - 2)]
    steps = [abs(ord(one) - ord(other)) for one, other in pairwise(secret)]
    return (len(set(secret)) < 8 or len(set(threes)) * 2 < len(threes)
            or sum(step <= 1 for step in steps) * 4 > len(steps) * 3)
