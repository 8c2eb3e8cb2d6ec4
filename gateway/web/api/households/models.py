"""Models of customers, sites, people and contacts. Who may only look sees no address, no need and no way in."""

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.access.rights import Right
from gateway.config.field_types import Day, Locale, QuietHours, TimeZone
from gateway.model import ConsentSource, Need, PersonRole
from gateway.model import Contact as ContactRow
from gateway.store.views import households as views
from gateway.tickets.households import people
from gateway.web.api.models import ApiModel, Body, ExternalIds, Id, Line, Time
from gateway.web.dependencies import Caller

HIDDEN = "…"  # what stands for an address that the key may not see
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]


class Contact(ApiModel):
    """One way to reach somebody."""

    id: str = Field(examples=["C-2f1c9a7d0b6e4c55"])
    channel: str = Field(description="`phone`: a number that people ring; nothing is sent there.", examples=["phone"])
    address: str = Field(description=f"`{HIDDEN}` for a key that may only look.", examples=["+41446681800"])
    stopped_at: Time | None = Field(description="It is used no more since then.")
    stopped_why: str | None
    consent_by: ConsentSource = Field(description="Who gave it to us: the fleet file, an agent, or they themselves.")
    consent_at: Time | None = Field(description="Since when we have it so; null: they have not typed its code yet.")
    consent_who: str = Field(description="The agent, by name.", examples=["Dana Meier"])


class Needs(ApiModel):
    """What has to be thought of first when something happens at their home, kept as they agreed to it."""

    kinds: list[Need]
    consent: str = Field(description="The day on which they agreed that it is kept.", examples=["2026-03-01"])
    review: str | None = Field(description="The day on which they are asked whether it still holds.")


class Person(ApiModel):
    """Somebody of a household, or who helps it."""

    id: str = Field(examples=["erna"])
    customer_id: str
    name: str = Field(examples=["Erna Arber"])
    role: PersonRole = Field(description="Owners and tenants are told what their household is told; relatives and "
                                         "helpers are only rung, in that order.")
    locale: str | None = Field(description="null: the household's.")
    sites: list[str] = Field(description="Where they live or help.")
    needs: Needs | None = Field(description="null: none, or this key may only look.")
    contacts: list[Contact] = Field(description="In their order.")
    left_at: Time | None = Field(description="No longer of this household.")
    external_ids: ExternalIds


class PersonPage(ApiModel):
    items: list[Person]
    next: str | None


class Customer(ApiModel):
    """A household or firm with a contract."""

    id: str = Field(examples=["alice"])
    name: str
    locale: str
    timezone: str
    quiet_hours: tuple[str, str] | None = Field(description="Local: nothing but critical news between these.")
    sites: list[str]
    people: list[str] = Field(description="Ids, without those who have left.")
    contacts: list[Contact] = Field(description="Of the household itself: they are told first.")
    external_ids: ExternalIds


class CustomerPage(ApiModel):
    items: list[Customer]
    next: str | None


class Site(ApiModel):
    """A place with devices."""

    id: str = Field(examples=["lindenweg-4"])
    customer_id: str
    name: str
    street: str
    postcode: str
    town: str
    country: str
    lat: float | None
    lon: float | None
    timezone: str
    access: str | None = Field(description="How to get in; null: this key may only look.")
    people: list[str] = Field(description="Ids of those who live or help there.")
    household_since: Time | None = Field(description="When they moved in: their pages show nothing from before.")
    household_left_at: Time | None = Field(description="Nobody lives there since.")
    external_ids: ExternalIds


class SitePage(ApiModel):
    items: list[Site]
    next: str | None


class NeedsBody(Body):
    kinds: list[Need] = Field(min_length=1, max_length=len(Need))
    consent: Day = Field(description="The day on which they agreed; without it their needs must not be kept.",
                         examples=["2026-03-01"])
    review: Day | None = Field(None, description="The day on which they are asked again.", examples=["2027-03-01"])

    def given(self) -> people.Needs:
        return people.Needs(tuple(dict.fromkeys(self.kinds)), self.consent, self.review)


class ContactBody(Body):
    channel: Id = Field(examples=["phone"])
    address: Id = Field(description="A telephone number may be written as in the site's country.",
                        examples=["044 668 18 00"])


class PersonBody(Body):
    customer_id: Id
    name: Line
    role: PersonRole
    locale: Locale | None = None
    sites: list[Id] | None = Field(None, description="null: all of the customer's.", max_length=1000)
    needs: NeedsBody | None = None
    contacts: list[ContactBody] = Field(default_factory=list, max_length=20)


class PersonChange(Body):
    """What is left out stays as it is."""

    name: Line | None = None
    role: PersonRole | None = None
    locale: Locale | None = None
    needs: NeedsBody | None = Field(None, description="null: they need nothing, or no longer agree.")


class CustomerChange(Body):
    """What is left out stays as it is."""

    name: Line | None = None
    locale: Locale | None = None
    quiet_hours: QuietHours | None = Field(None, description="null: none.")


class NewCustomer(Body):
    """A household that is new here."""

    id: Id = Field(description="As you call it; no other customer has it.", examples=["arber"])
    name: Line = Field(examples=["Household Arber"])
    locale: Locale = "en"
    timezone: TimeZone = "UTC"
    quiet_hours: QuietHours | None = Field(
        None, description="Local: nothing but critical news between these.", examples=[["22:00", "07:00"]])


class SiteChange(Body):
    access: Note = Field(description="How to get in, for the technician only.",
                         examples=["The key is with the neighbour"])


class LeaveBody(Body):
    site_id: Id


class HouseholdBody(Body):
    customer_id: Id | None = Field(description="Who lives there from now on; null: nobody, the household has left.")


def contact_model(row: ContactRow, by: Caller) -> Contact:
    return Contact(**row.model_dump() | ({} if may_see(by) else {"address": HIDDEN}))


def person_model(row: views.PersonDetails, by: Caller) -> Person:
    who = row.person
    needs = Needs(kinds=[Need(one) for one in who.needs], consent=who.needs_consent_on or "",
                  review=who.needs_review_on) if who.needs and may_see(by) else None
    return Person(**who.model_dump(exclude={"needs"}), sites=row.sites, needs=needs, external_ids=row.external_ids,
                  contacts=[contact_model(one, by) for one in row.contacts])


def customer_model(row: views.CustomerDetails, by: Caller) -> Customer:
    who = row.customer
    quiet = (who.quiet_from, who.quiet_until) if who.quiet_from and who.quiet_until else None
    return Customer(**who.model_dump(), quiet_hours=quiet, sites=row.sites, people=row.people,
                    external_ids=row.external_ids,
                    contacts=[contact_model(one, by) for one in row.contacts])


def site_model(row: views.SiteDetails, by: Caller) -> Site:
    return Site(**row.site.model_dump() | ({} if may_see(by) else {"access": None}), people=row.people,
                external_ids=row.external_ids)


def may_see(by: Caller) -> bool:
    """Whether they may see how people are reached, what they need and how one gets in."""
    return by.may(Right.READ_PHONES)
