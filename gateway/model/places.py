"""Tables of areas, customers and their people, sites, contacts, providers and technicians, and of the words by which
they are found."""

import secrets
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.notifications import Recipient
from gateway.model.row import Row, numbered
from gateway.model.states import (
    Amount,
    AreaKind,
    ConsentSource,
    Need,
    PersonRole,
    RecipientKind,
    SearchField,
    TopicGroup,
    stored,
)


def revision() -> Any:
    """A column that is another number after each change of its row: what is kept in memory is current while the sum of
    all revisions is the same."""
    return Field(default_factory=_any_number, sa_column=Column(
        Integer, nullable=False, index=True, default=_any_number, onupdate=_any_number))


def _any_number() -> int:
    return secrets.randbits(31)


class Area(Row, table=True):
    """A node of a place, feeder or network tree. A site may hang in several."""

    id: str = Field(primary_key=True)
    name: str
    kind: AreaKind = Field(default=AreaKind.PLACE, sa_type=stored(AreaKind))
    parent_id: str | None = Field(default=None, foreign_key="area.id", index=True)


class Customer(Row, table=True):
    """A household or firm with a contract: name, language and quiet hours."""

    __table_args__ = (Index("customer_by_name", "name", "id"),)
    id: str = Field(primary_key=True)
    name: str
    locale: str = "en"  # one of gateway.config.field_types.LOCALES
    timezone: str = "UTC"
    quiet_from: str | None = None  # "21:00" local; both or neither
    quiet_until: str | None = None  # "08:00" local


class Person(Row, table=True):
    """Somebody of a household, or who helps it."""

    id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customer.id", index=True)
    name: str
    role: PersonRole = Field(sa_type=stored(PersonRole))
    locale: str | None = None  # None: the household's
    needs: list[Need] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # of the enum's values
    needs_consent_on: str | None = None  # the day on which they agreed that we keep their needs
    needs_review_on: str | None = None  # the day on which they are asked whether these still hold
    position: int = 0  # within the household: the lowest is told and rung first
    listed: bool = False  # in the fleet file, which removes them when it no longer has them
    left_at: Instant | None = Field(default=None, sa_type=BigInteger)  # no longer of this household


class PersonSite(Row, table=True):
    """That a person lives at a site, or helps there."""

    __tablename__ = "person_site"
    id: str = Field(primary_key=True)  # <person id>/<site id>
    person_id: str = Field(foreign_key="person.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    left_at: Instant | None = Field(default=None, sa_type=BigInteger)  # not there any more


class Contact(Row, table=True):
    """One way to reach one person."""

    __table_args__ = (Index("contact_once", "owner_id", "owner_kind", "channel", "address", unique=True),)
    id: str = Field(primary_key=True)
    owner_kind: RecipientKind = Field(sa_type=stored(RecipientKind))
    owner_id: str = ""
    channel: str  # a key of Settings.channels: "email", "webhook", "sms", …; or PHONE, for people to ring
    address: str
    position: int = 0  # the owner's order: lowest is tried first
    stopped_at: Instant | None = Field(default=None, sa_type=BigInteger)  # opted out, or permanently refused
    stopped_why: str | None = None  # for operators, in English or as the other side said it
    consent_by: ConsentSource = Field(default=ConsentSource.IMPORTED, sa_type=stored(ConsentSource),
                                      sa_column_kwargs={"server_default": ConsentSource.IMPORTED.value})
    consent_at: Instant | None = Field(default=None, sa_type=BigInteger)  # since when we have it from them
    consent_who: str = Field(default="", sa_column_kwargs={"server_default": ""})  # the agent, by name

    @property
    def owner(self) -> Recipient:
        return Recipient(self.owner_kind, self.owner_id)


class Preference(Row, table=True):
    """What one person, or a household as such, has chosen to be told, when, and in which language; without a row they
    are told everything, by their household's quiet hours."""

    __table_args__ = (Index("preference_well", "well_at", sqlite_where=text("well_at IS NOT NULL"),
                            postgresql_where=text("well_at IS NOT NULL")),)
    id: str = Field(primary_key=True)  # <owner kind>/<owner id>
    owner_kind: RecipientKind = Field(sa_type=stored(RecipientKind))
    owner_id: str = Field(index=True)
    amount: Amount = Field(default=Amount.EVERYTHING, sa_type=stored(Amount))
    muted: list[TopicGroup] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # the enum's values
    stopped_at: Instant | None = Field(default=None, sa_type=BigInteger)  # nothing but what nobody can mute
    locale: str | None = None  # None: as the household or the person is known to read
    own_quiet: bool = False  # the two that follow count, also when they are none; else the household's
    quiet_from: str | None = None  # "21:00" local; both or neither
    quiet_until: str | None = None
    timezone: str | None = None  # None: the household's
    digest_at: str = "18:00"  # local
    contact_order: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # ids of theirs
    # once a year, that all is well, with the time when that is looked at next
    yearly: bool = False
    well_at: Instant | None = Field(default=None, sa_type=BigInteger)
    first_for: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # TopicGroup → id
    link_number: int = 0  # of the links to their page; those with an older number are over
    changed_at: Instant = Field(sa_type=BigInteger)


class ContactCheck(Row, table=True):
    """A code that was sent to a contact which a person typed themselves; what it is can be told from its id and our
    secret alone, see gateway/notifications/preferences/codes.py."""

    __tablename__ = "contact_check"
    __table_args__ = (Index("contact_check_of", "owner_id", "asked_at"),
                      Index("contact_check_to", "address", "asked_at"))
    id: str = Field(primary_key=True)
    contact_id: str
    owner_kind: RecipientKind = Field(sa_type=stored(RecipientKind))
    owner_id: str
    address: str
    asked_from: str = Field(default="", index=True)  # a keyed hash of the network address; "" where there is none
    asked_at: Instant = Field(sa_type=BigInteger)  # it is waited for ten minutes
    tries: int = 0  # in vain
    done_at: Instant | None = Field(default=None, sa_type=BigInteger)  # it was typed


class Site(Row, table=True):
    """A place with devices: its address, position and time zone."""

    id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customer.id", index=True)
    name: str
    street: str = ""
    postcode: str = ""
    town: str = ""
    country: str = Field(default="", sa_column_kwargs={"server_default": ""})  # ISO 3166; "": the service's
    lat: float | None = None  # degrees, WGS 84
    lon: float | None = None
    timezone: str = "UTC"
    access: str = ""  # how to get in, for the technician only
    household_since: Instant | None = Field(default=None, sa_type=BigInteger)  # pages show them nothing from before
    household_left_at: Instant | None = Field(default=None, sa_type=BigInteger)  # nobody lives there since

    @property
    def address(self) -> str:
        """Street, postcode and town, as far as they are known."""
        return ", ".join(part for part in (self.street, f"{self.postcode} {self.town}".strip()) if part)


class SiteArea(Row, table=True):
    """That a site hangs in an area; it may hang in several."""

    __tablename__ = "site_area"
    site_id: str = Field(foreign_key="site.id", primary_key=True)
    area_id: str = Field(foreign_key="area.id", primary_key=True, index=True)


class Provider(Row, table=True):
    """A local firm with territory, skills, hours, days off and capacity."""

    id: str = Field(primary_key=True)
    name: str
    locale: str = "en"
    timezone: str = "UTC"
    phone: str = ""
    skills: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    # {"areas": [id], "postcodes": ["8001", "80*"], "polygon": [[lon, lat], …]}: any one that covers the site counts
    territory: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    # {"mon": [["08:00", "17:00"]], …} local; a missing day is closed; "24:00" allowed as an end
    hours: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    # {"country": "DE", "subdivision": "BY", "closed": ["2026-12-24"], "open": []}: see gateway/calendars/days_off.py
    days_off: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}"))
    quiet_from: str | None = None  # "20:00" local; both or neither: then it is asked about urgent work only
    quiet_until: str | None = None
    lat: float | None = None  # where its people set out from, degrees, WGS 84; both or neither
    lon: float | None = None
    # entered by the firm itself, beside days_off, which come from a file: see gateway/calendars/time_off.py
    time_off: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False,
                                                                                  server_default=text("'[]'")))
    capacity: int = 5  # visits it will take on one day …
    own_capacity: int | None = None  # … as the firm itself says since; None: it says nothing
    invites: bool = True  # visits come by mail, for the calendars of the firm and of its people
    emergency: bool = False  # takes critical work outside its hours
    removed_at: Instant | None = Field(default=None, sa_type=BigInteger)  # it is asked no longer
    revision: int = revision()

    @property
    def visits_a_day(self) -> int:
        """What it will take on one day, by its own word where it has given one."""
        return self.capacity if self.own_capacity is None else self.own_capacity


class Technician(Row, table=True):
    """One of a provider's people."""

    id: str = Field(primary_key=True)
    provider_id: str = Field(foreign_key="provider.id", index=True)
    name: str
    skills: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # none: all of the firm's
    hours: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))  # None: the firm's
    # beside the firm's, in the same form
    days_off: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}"))
    time_off: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False,
                                                                                  server_default=text("'[]'")))
    renamed: bool = False  # by the firm: not by a file then
    ended_at: Instant | None = Field(default=None, sa_type=BigInteger)  # the firm says that they have left it
    revision: int = revision()


class Portrait(Row, table=True):
    """What a technician looks like, re-encoded; whoever they are to visit sees it until the visit is over."""

    technician_id: str = Field(primary_key=True, foreign_key="technician.id")
    width: int  # pixels
    height: int
    digest: str  # SHA-256 of the file as it came
    content: bytes = Field(sa_type=LargeBinary)  # JPEG
    created_at: Instant = Field(sa_type=BigInteger)


class SearchEntry(Row, table=True):
    """What is found together: a household, or a site with who lives there and what stands there. One of the two."""

    __tablename__ = "search_entry"
    id: int | None = Field(default=None, sa_column=numbered())
    customer_id: str | None = Field(default=None, foreign_key="customer.id", unique=True)
    site_id: str | None = Field(default=None, foreign_key="site.id", unique=True)


class SearchTerm(Row, table=True):
    """A word, or a telephone number backwards, by which an entry is found: see gateway/store/search/terms.py."""

    __tablename__ = "search_term"
    # SQLite would keep each row twice: in the table, and once more in the key's index
    __table_args__ = (Index("search_term_of", "entry_id", "term"), {"sqlite_with_rowid": False})
    field: SearchField = Field(sa_column=Column(stored(SearchField), primary_key=True))
    # in the order of its bytes, so that all that begins alike stands together in any language
    term: str = Field(sa_column=Column(String().with_variant(String(collation="C"), "postgresql"), primary_key=True))
    entry_id: int = Field(sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True,
                                           autoincrement=False))
