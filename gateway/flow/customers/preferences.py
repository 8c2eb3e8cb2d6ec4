"""preferences: opens the page on which one person chooses what they are sent, and writes down what they chose."""

from collections.abc import Callable
from typing import NamedTuple

from sqlmodel import Session

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import (
    Actor,
    ActorKind,
    Contact,
    Customer,
    EntryKind,
    Instant,
    Person,
    Preference,
    Recipient,
    RecipientKind,
    Subject,
    SubjectKind,
    TopicGroup,
    customer,
)
from gateway.model.plan import Draft, NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.preferences.all_is_well import begin_year
from gateway.notifications.preferences.choose import (
    NOT_SHOWN,
    Chosen,
    Wishes,
    apply_choice,
    apply_wishes,
    move_contact,
    shown_contacts,
)
from gateway.notifications.preferences.links import preferences_token, read_token
from gateway.notifications.preferences.wanted import BY_THEMSELVES
from gateway.store import apply, households
from gateway.store.customers.preferences import choices_of, still_theirs
from gateway.store.search.index import follow_contact
from gateway.tickets.new_rows import entry
from gateway.tickets.sla.follow import complete

THEMSELVES = Actor(ActorKind.CUSTOMER)


class Opened(NamedTuple):
    """Whose choice it is, as things stand."""

    owner: Recipient
    name: str
    household: Customer
    person: Person | None
    contacts: tuple[Contact, ...]  # that they may see, in their order
    choice: Preference  # a new row where they have chosen nothing so far
    is_new: bool


def opened(session: Session, gw: Gateway, token: str, now: Instant) -> Opened | None:
    """None for a link that is not ours, is over, or belongs to somebody who has moved out."""
    read = read_token(gw.settings.secret.get_secret_value(), token)
    contact = session.get(Contact, read[0]) if read is not None else None
    if read is None or contact is None or contact.stopped_why in NOT_SHOWN or not still_theirs(session, contact):
        return None  # an address that was taken away, or never proved, opens nothing
    found = of_owner(session, contact.owner, now)
    return found if found is not None and found.choice.link_number == read[1] else None


def of_owner(session: Session, owner: Recipient, now: Instant) -> Opened | None:
    person = session.get(Person, owner.id) if owner.kind is RecipientKind.PERSON else None
    household = session.get(Customer, owner.id if person is None else person.customer_id)
    if household is None:
        return None
    known = choices_of(session, [owner]).get(owner)
    choice = known or Preference(id=str(owner), owner_kind=owner.kind, owner_id=owner.id, changed_at=now)
    contacts = households.contacts_of(session, [owner])[owner]
    return Opened(owner, household.name if person is None else person.name, household, person,
                  shown_contacts(contacts, choice), choice, known is None)


def token_for_household(session: Session, gw: Gateway, customer_id: str) -> tuple[str, bool]:
    """(the token of the household's own page, or of its one person's; "" when each has their own, and whether anybody
    has one): whoever has the household's link is not given what is another's."""
    home = households.households(session, [(customer_id, None)])[customer_id, None]
    reached = [one for one in home.for_messages if one.stopped_at is None and one.channel in gw.channels]
    owners = dict.fromkeys(one.owner for one in reached)
    own = customer(customer_id)
    if not reached or (own not in owners and len(owners) > 1):
        return "", bool(reached)
    contact = next(one for one in reached if one.owner == own or len(owners) == 1)
    secret = gw.settings.secret.get_secret_value()
    return preferences_token(secret, contact, choices_of(session, [contact.owner]).get(contact.owner)), True


def choose(gw: Gateway, token: str, chosen: Chosen, now: Instant) -> None:
    """All of it at once. The same again changes nothing. Raises NoSuch for a link that is over."""
    _change(gw, token, lambda choice, _draft, _found: apply_choice(choice, chosen), now)


def mute(gw: Gateway, token: str, group: TopicGroup | None, now: Instant) -> None:
    """One click in a mail program: no more of that group; None: of nothing that can be muted. Raises NoSuch."""

    def write(choice: Preference, _draft: Draft, _found: Opened) -> None:
        if group is None:
            choice.stopped_at = choice.stopped_at or now
        elif group is TopicGroup.WELL:
            choice.yearly, choice.well_at = False, None
        elif group not in choice.muted:
            choice.muted = [*choice.muted, group]

    _change(gw, token, write, now)


def stop_all(gw: Gateway, token: str, stop: bool, now: Instant) -> None:
    """Nothing but what nobody can mute, or everything that they chose again. Raises NoSuch."""

    def write(choice: Preference, _draft: Draft, _found: Opened) -> None:
        choice.stopped_at = (choice.stopped_at or now) if stop else None

    _change(gw, token, write, now)


def end_links(gw: Gateway, token: str, now: Instant) -> None:
    """All links to the page open nothing any more; the next message brings one that does. Raises NoSuch."""

    def write(choice: Preference, _draft: Draft, _found: Opened) -> None:
        choice.link_number += 1

    _change(gw, token, write, now)


def reorder(gw: Gateway, token: str, contact_id: str, up: bool, now: Instant) -> None:
    """Raises NoSuch, also for a contact that is not theirs."""

    def write(choice: Preference, _draft: Draft, found: Opened) -> None:
        choice.contact_order = move_contact(found.contacts, _own(found, contact_id).id, up)

    _change(gw, token, write, now)


def use_contact(gw: Gateway, token: str, contact_id: str, use: bool, now: Instant) -> None:
    """Nothing more is sent there, or again; where it still does not work, that is known after one more message. Raises
    NoSuch, also for a contact that is not theirs."""

    def write(_choice: Preference, draft: Draft, found: Opened) -> None:
        copy = draft.copy(_own(found, contact_id))
        if use is (copy.stopped_at is None):
            return
        copy.stopped_at, copy.stopped_why = (None, None) if use else (now, BY_THEMSELVES)
        draft.add(entry(subject_of(found.owner), now, EntryKind.CONTACT_ADDED if use else EntryKind.CONTACT_REMOVED,
                        who=THEMSELVES, channel=copy.channel))

    _change(gw, token, write, now, follow=contact_id)


def change_for(gw: Gateway, owner: Recipient, wishes: Wishes, who: Actor, now: Instant) -> None:
    """What an agent writes down as they say it; what `wishes` leaves out stays. The same again changes nothing. Raises
    Unclear, NoSuch, and Refused when they have left."""

    def find(session: Session) -> Opened:
        found = of_owner(session, owner, now)
        if found is None:
            raise NoSuch(f"there is no {owner.kind} {owner.id}")
        if found.person is not None and found.person.left_at is not None:
            raise Refused(RefusedReason.PERSON_LEFT, id=owner.id)
        return found

    _in_one(gw, find, lambda choice, _draft, found: apply_wishes(choice, wishes, found.contacts, now), who, now)


def _own(found: Opened, contact_id: str) -> Contact:
    row = next((one for one in found.contacts if one.id == contact_id), None)
    if row is None:
        raise NoSuch(f"there is no contact {contact_id} of {found.owner}")
    return row


def _change(gw: Gateway, token: str, write: Callable[[Preference, Draft, Opened], None], now: Instant,
            follow: str = "") -> None:
    """By their link."""

    def find(session: Session) -> Opened:
        found = opened(session, gw, token, now)
        if found is None:
            raise NoSuch("the link is over")
        return found

    _in_one(gw, find, write, THEMSELVES, now, follow)


def _in_one(gw: Gateway, find: Callable[[Session], Opened], write: Callable[[Preference, Draft, Opened], None],
            who: Actor, now: Instant, follow: str = "") -> None:
    """In one transaction, with an entry and the audit when anything is different."""

    def once() -> None:
        with gw.store.write() as session:
            found, draft = find(session), Draft()
            choice = found.choice if found.is_new else draft.copy(found.choice)
            before = _values(choice)
            write(choice, draft, found)
            begin_year(choice, found.household.timezone, now)
            if _values(choice) != before:
                choice.changed_at = now
                draft.add(*([choice] if found.is_new else []),
                          entry(subject_of(found.owner), now, EntryKind.PREFERENCES_CHANGED, who=who))
            session.expunge_all()
            plan = complete(draft, gw.policy, now)
            if plan:
                apply(session, plan)
                write_act(session, "change_preferences", target_of(found.owner), plan, who, now)
            if follow:
                follow_contact(session, follow)

    retry_on_conflict(once)


def _values(choice: Preference) -> dict[str, object]:
    return {name: value for name, value in choice.__dict__.items() if not name.startswith("_")}


def subject_of(owner: Recipient) -> Subject:
    return Subject(SubjectKind.PERSON if owner.kind is RecipientKind.PERSON else SubjectKind.CUSTOMER, owner.id)


def target_of(owner: Recipient) -> tuple[str, str]:
    return ("person" if owner.kind is RecipientKind.PERSON else "customer", owner.id)
