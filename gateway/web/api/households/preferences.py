"""API routes for what people have chosen to be told, and for contacts that are stopped and used again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, Field

from gateway.config.field_types import Locale, QuietHours, TimeOfDay, TimeZone
from gateway.flow import people as flow
from gateway.flow.customers.preferences import Opened, change_for, of_owner
from gateway.model import Amount, ConsentSource, Preference, Recipient, RecipientKind, TopicGroup, customer, person
from gateway.model.plan import NoSuch
from gateway.notifications.preferences.choose import MUTABLE, Chosen, Unclear, Wishes, chosen_so_far, masked
from gateway.notifications.topics import TOPICS, TopicName
from gateway.store import households
from gateway.web.api.households.customers import get_customer
from gateway.web.api.households.models import HIDDEN, Customer, Person, may_see
from gateway.web.api.households.people import get_person
from gateway.web.api.models import ApiModel, Body, Id, Time
from gateway.web.dependencies import Caller, HouseholdEditor, Reader, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(tags=["households"])
_NEVER_MUTED = sorted(one.name for one in TOPICS.values() if RecipientKind.CUSTOMER in one.audience
                      and (one.required or one.group is None) and one.name != TopicName.DAILY)


def _mutable(group: TopicGroup) -> TopicGroup:
    if group not in MUTABLE:
        raise ValueError(f"nobody can mute {group}: they asked for it — expected one of {', '.join(MUTABLE)}")
    return group


Muted = Annotated[TopicGroup, AfterValidator(_mutable)]


class ChosenContact(ApiModel):
    """One way to reach them, in their order."""

    id: str = Field(examples=["C-2f1c9a7d0b6e4c55"])
    channel: str = Field(examples=["email"])
    address: str = Field(description=f"Masked: all of it is with the person; `{HIDDEN}` for a key that may only look.",
                         examples=["e…@example.com"])
    in_use: bool
    stopped_why: str | None
    consent_by: ConsentSource
    consent_at: Time | None
    consent_who: str = Field(description="The agent, by name.", examples=["Dana Meier"])


class Preferences(ApiModel):
    """What one person, or a household as such, wants to be told, when, where and in which language."""

    owner: str = Field(examples=["person/erna"])
    amount: Amount = Field(description="`now`: only what concerns them now; `digest`: one message a day.")
    digest_at: str = Field(description="Local.", examples=["18:00"])
    muted: list[TopicGroup]
    cannot_be_muted: list[str] = Field(description="Topics that always go out, like all that is critical, and what "
                                                   "they asked for.", examples=[["visit_confirmed"]])
    stopped_at: Time | None = Field(description="Since then they get nothing but what cannot be muted.")
    locale: str | None = Field(description="null: the person's, else the household's.")
    quiet: Literal["household", "own", "none"]
    quiet_hours: tuple[str, str] | None = Field(description="That count now: their own or the household's.")
    timezone: str = Field(description="In which all this is read.", examples=["Europe/Zurich"])
    first_for: dict[TopicGroup, str] = Field(description="Group → id of the contact that is tried first for it.",
                                            examples=[{"visits": "C-2f1c9a7d0b6e4c55"}])
    yearly: bool = Field(description="Once a year, that all is well at their home; only for who asks for it.")
    contacts: list[ChosenContact] = Field(description="In their order; without those that wait for a code.")
    changed_at: Time | None = Field(description="null: they have chosen nothing so far.")


class PreferencesChange(Body):
    """What is left out stays as it is."""

    amount: Amount | None = None
    digest_at: TimeOfDay | None = None
    muted: list[Muted] | None = Field(None, max_length=len(MUTABLE), examples=[["surveys"]])
    stopped: bool | None = Field(None, description="true: nothing but what cannot be muted; false: all again.")
    locale: Locale | None = Field(None, description="null: the person's, else the household's.")
    quiet: Literal["household", "own", "none"] | None = Field(None, description="`own` needs `quiet_hours`.")
    quiet_hours: QuietHours | None = Field(None, description="Their own, local.", examples=[["21:00", "08:00"]])
    timezone: TimeZone | None = Field(None, description="null: the household's.")
    first_for: dict[Muted, Id] | None = Field(
        None, max_length=len(MUTABLE), description="Group → id of a contact of theirs; all others: by their order.",
        examples=[{"visits": "C-2f1c9a7d0b6e4c55"}])
    yearly: bool | None = Field(None, description="true: once a year, that all is well at their home.")
    contact_order: list[Id] | None = Field(None, max_length=100, description="Ids; those left out come after.")


@router.get("/people/{person_id}/preferences", summary="What a person wants to be told", responses=responses(404))
def get_person_preferences(by: Reader, person_id: Id) -> Preferences:
    return _preferences(by, person(person_id))


@router.get("/customers/{customer_id}/preferences", summary="What a household as such wants to be told",
            responses=responses(404))
def get_customer_preferences(by: Reader, customer_id: Id) -> Preferences:
    """It is for the contacts of the household itself; each of its people has their own."""
    return _preferences(by, customer(customer_id))


@router.patch("/people/{person_id}/preferences", summary="Change what a person wants to be told",
              responses=responses(404, 409))
def patch_person_preferences(by: HouseholdEditor, person_id: Id, body: PreferencesChange) -> Preferences:
    """As they say it; it is in their timeline. The same again changes nothing."""
    _change(by, person(person_id), body)
    return _preferences(by, person(person_id))


@router.patch("/customers/{customer_id}/preferences", summary="Change what a household as such wants to be told",
              responses=responses(404, 409))
def patch_customer_preferences(by: HouseholdEditor, customer_id: Id, body: PreferencesChange) -> Preferences:
    """As for a person."""
    _change(by, customer(customer_id), body)
    return _preferences(by, customer(customer_id))


@router.post("/people/{person_id}/contacts/{contact_id}/use-again", summary="Use a contact of a person again",
             responses=responses(404, 409))
def use_contact_of_person(by: HouseholdEditor, person_id: Id, contact_id: Id) -> Person:
    """That they or we have stopped, or that did not work: they have told you that it is right, and you are written down
    as who says so."""
    _check_theirs(by, person(person_id), contact_id)
    flow.restart_contact(by.gw, contact_id, by.who, by.now)
    return get_person(by, person_id)


@router.post("/customers/{customer_id}/contacts/{contact_id}/use-again", summary="Use a contact of a household again",
             responses=responses(404))
def use_contact_of_customer(by: HouseholdEditor, customer_id: Id, contact_id: Id) -> Customer:
    """As for a person."""
    _check_theirs(by, customer(customer_id), contact_id)
    flow.restart_contact(by.gw, contact_id, by.who, by.now)
    return get_customer(by, customer_id)


@router.delete("/customers/{customer_id}/contacts/{contact_id}", summary="Use a contact of a household no more",
               responses=responses(404))
def delete_contact_of_customer(by: HouseholdEditor, customer_id: Id, contact_id: Id) -> Customer:
    """404 for a contact of anybody else; those of its people: `DELETE /people/{id}/contacts/{id}`."""
    _check_theirs(by, customer(customer_id), contact_id)
    flow.stop_contact(by.gw, contact_id, by.who, by.now)
    return get_customer(by, customer_id)


def _check_theirs(by: Caller, owner: Recipient, contact_id: str) -> None:
    """Nobody touches the contact of somebody else."""
    with by.gw.store.read() as session:
        theirs = households.contacts_of(session, [owner])[owner]
    if contact_id not in {one.id for one in theirs}:
        raise NoSuch(f"{owner.kind} {owner.id} has no contact {contact_id}")


def _preferences(by: Caller, owner: Recipient) -> Preferences:
    with by.gw.store.read() as session:
        found: Opened = or_404(of_owner(session, owner, by.now), str(owner.kind))
    choice, home = found.choice, found.household
    begins, ends = (choice.quiet_from, choice.quiet_until) if choice.own_quiet else (home.quiet_from, home.quiet_until)
    return Preferences(
        owner=str(owner), amount=choice.amount, digest_at=choice.digest_at, muted=choice.muted,
        cannot_be_muted=_NEVER_MUTED, stopped_at=choice.stopped_at, locale=choice.locale,
        quiet="household" if not choice.own_quiet else "own" if choice.quiet_from else "none",
        quiet_hours=(begins, ends) if begins and ends and begins != ends else None,
        timezone=choice.timezone or home.timezone, changed_at=None if found.is_new else choice.changed_at,
        first_for={TopicGroup(group): key for group, key in choice.first_for.items()}, yearly=choice.yearly,
        contacts=[ChosenContact(**one.model_dump(exclude={"address"}), address=masked(one) if may_see(by) else HIDDEN,
                                in_use=one.stopped_at is None) for one in found.contacts])


def _change(by: Caller, owner: Recipient, body: PreferencesChange) -> None:
    values = _values(body)
    chosen = (lambda choice: _with(choice, values)) if values else None
    try:
        change_for(by.gw, owner, Wishes(chosen, body.stopped, body.contact_order), by.who, by.now)
    except Unclear as unclear:
        raise _wrong(unclear.field, "expected the id of a contact of theirs that is in use or can be again") from None


def _values(body: PreferencesChange) -> dict[str, Any]:
    """Fields of Chosen that are to be others."""
    given = body.model_dump(exclude_unset=True, exclude={"stopped", "contact_order", "muted", "quiet", "quiet_hours"})
    values = {name: value for name, value in given.items() if value is not None or name in ("locale", "timezone")}
    if body.muted is not None:
        values["groups"] = frozenset(MUTABLE) - set(body.muted)
    quiet = body.quiet or ("own" if body.quiet_hours is not None else None)
    if (quiet == "own") is not (body.quiet_hours is not None):
        raise _wrong("quiet_hours", "expected with quiet: own, and with nothing else")
    if quiet is not None:
        begins, ends = body.quiet_hours or (None, None)
        values |= {"own_quiet": quiet != "household", "quiet_from": begins, "quiet_until": ends}
    return values


def _with(choice: Preference, values: Mapping[str, Any]) -> Chosen:
    return replace(chosen_so_far(choice), **values)


def _wrong(field: str, what: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", *field.split(".")), "msg": what}])
