"""contact codes: a person types a contact of their own, gets a code there, and types it: then the contact is used."""

from ipaddress import IPv6Address, ip_address, ip_network

from sqlmodel import Session

from gateway.config.phone_numbers import PHONE_CHANNELS, to_e164
from gateway.flow.accounts.audit import write_act
from gateway.flow.customers.preferences import THEMSELVES, Opened, opened, subject_of, target_of
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import ConsentSource, Contact, ContactCheck, EntryKind, Instant, Subject, SubjectKind, customer
from gateway.model.plan import Draft, NoSuch
from gateway.notifications.channels import check_address
from gateway.notifications.preferences.choose import WAITS_FOR_CODE, Unclear
from gateway.notifications.preferences.codes import (
    CodeResult,
    can_be_typed,
    has_had_enough,
    is_open,
    is_right,
    network_hash,
    why_not_ask,
)
from gateway.notifications.topics import TopicName
from gateway.store import apply, households
from gateway.store.customers import contact_checks
from gateway.store.fleet import contact_id
from gateway.store.search.index import follow_contact
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.sla.follow import complete

_LONGEST = 254  # of an address


def ask_code(gw: Gateway, token: str, channel: str, address: str, now: Instant, network: str = "") -> CodeResult:
    """The same answer whether anybody has that address or not. `network`: the network address it is asked from. Raises
    Unclear for what is none, NoSuch for a link that is over."""
    given, asked_from = _address(gw, channel, address.strip()), network_hash(_secret(gw), network_of(network))

    def once() -> CodeResult:
        with gw.store.write() as session:
            found = _open(session, gw, token, now)
            contact_checks.lock_household(session, found.household.id)
            contact_checks.lock_asking(session)
            refused = why_not_ask(contact_checks.checks_of(session, found.owner, now),
                                  contact_checks.count_from_network(session, asked_from, now), now)
            if refused is not None:
                return refused
            others = contact_checks.checks_like(session, given, now)
            draft = Draft()
            check = _begin(gw, session, draft, found, channel, given, now)
            check.asked_from = asked_from
            if not has_had_enough(given, others, now):
                draft.add(notify(
                    gw.policy, customer(found.household.id), TopicName.CONTACT_CODE,
                    Subject(SubjectKind.CUSTOMER, found.household.id), check.id, now,
                    facts={"owner": str(found.owner), "contact_id": check.contact_id, "check_id": check.id}))
            _apply(gw, session, draft, found, "ask_contact_code", now)
            follow_contact(session, check.contact_id)
        return CodeResult.SENT

    result = retry_on_conflict(once)
    gw.outbox_filled.set()
    return result


def network_of(address: str) -> str:
    """Of IPv6 the first 64 bits, all of which one home has; "" for what is no network address."""
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(given, IPv6Address) and given.ipv4_mapped is None:
        return str(ip_network((given, 64), strict=False))
    return str(given.ipv4_mapped if isinstance(given, IPv6Address) else given)


def enter_code(gw: Gateway, token: str, code: str, now: Instant) -> CodeResult:
    """With the right one the contact is used from now on, with the consent of whoever it belongs to. Raises NoSuch for
    a link that is over."""

    def once() -> CodeResult:
        with gw.store.write() as session:
            found = _open(session, gw, token, now)
            contact_checks.lock_household(session, found.household.id)
            check = next(iter(contact_checks.checks_of(session, found.owner, now)), None)
            if check is None or not is_open(check, now):
                return CodeResult.OVER
            draft = Draft()
            copy, right = draft.copy(check), is_right(check, code, _secret(gw))
            if right:
                copy.done_at = now
                contact = draft.copy(session.get_one(Contact, check.contact_id))
                contact.stopped_at, contact.stopped_why = None, None
                contact.consent_by, contact.consent_at, contact.consent_who = ConsentSource.THEMSELVES, now, ""
                draft.add(entry(subject_of(found.owner), now, EntryKind.CONTACT_ADDED, who=THEMSELVES,
                                channel=contact.channel))
            else:
                copy.tries += 1
            _apply(gw, session, draft, found, "enter_contact_code" if right else "mistype_contact_code", now)
            follow_contact(session, check.contact_id)
        return CodeResult.RIGHT if right else CodeResult.WRONG if is_open(copy, now) else CodeResult.OVER

    return retry_on_conflict(once)


def _secret(gw: Gateway) -> str:
    return gw.settings.secret.get_secret_value()


def _open(session: Session, gw: Gateway, token: str, now: Instant) -> Opened:
    found = opened(session, gw, token, now)
    if found is None:
        raise NoSuch("the link is over")
    return found


def _begin(gw: Gateway, session: Session, draft: Draft, found: Opened, channel: str, address: str, now: Instant
           ) -> ContactCheck:
    """Nothing but the code is sent to a new one before it was typed; one that they have already stays as it is."""
    key = contact_id(found.owner, channel, address)
    if session.get(Contact, key) is None:
        theirs = households.contacts_of(session, [found.owner])[found.owner]
        draft.add(Contact(
            id=key, owner_kind=found.owner.kind, owner_id=found.owner.id, channel=channel, address=address,
            position=max((one.position for one in theirs), default=-1) + 1, stopped_at=now, stopped_why=WAITS_FOR_CODE,
            consent_by=ConsentSource.THEMSELVES))
    check = ContactCheck(id=gw.policy.new_id("Q"), contact_id=key, owner_kind=found.owner.kind,
                         owner_id=found.owner.id, address=address, asked_at=now)
    draft.add(check)
    return check


def _apply(gw: Gateway, session: Session, draft: Draft, found: Opened, action: str, now: Instant) -> None:
    session.expunge_all()
    plan = complete(draft, gw.policy, now)
    apply(session, plan)
    write_act(session, action, target_of(found.owner), plan, THEMSELVES, now)


def _address(gw: Gateway, channel: str, address: str) -> str:
    """As it is kept. Raises Unclear."""
    if channel not in gw.channels or not can_be_typed(channel):
        raise Unclear("page.preferences.choose_one", "channel")
    if not address or len(address) > _LONGEST:
        raise Unclear("page.preferences.no_such_address", "address")
    if channel in PHONE_CHANNELS:
        try:
            return to_e164(address, gw.settings.service.country)
        except ValueError:
            raise Unclear("page.preferences.no_such_number", "address") from None
    if check_address(channel, address) is not None:
        raise Unclear("page.preferences.no_such_address", "address")
    return address
