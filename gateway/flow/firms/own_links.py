"""own_links: the signed links to a firm's page and to the calendars of its visits; a new one ends the one before."""

from sqlmodel import Session

from gateway.config.settings import Settings
from gateway.flow.accounts.audit import write_act
from gateway.model import DAY, Actor, Instant, Link, LinkPurpose, Provider, SubjectKind, Technician, new_id
from gateway.model.plan import NoSuch, Plan
from gateway.notifications import signed_links
from gateway.store.firms import links

LINK_FOR = 365 * DAY  # then they ask for a new one: who has left the firm shall not look in for ever


def make_page_link(settings: Settings, session: Session, provider_id: str, who: Actor, now: Instant) -> str:
    """The address of the firm's page; earlier ones no longer work, nor do calendars made by them. Raises NoSuch."""
    end_page_link(session, provider_id, who, now, "make_firm_link")
    return address(settings, _add(session, LinkPurpose.FIRM, SubjectKind.PROVIDER, provider_id, now))


def end_page_link(session: Session, provider_id: str, who: Actor, now: Instant, action: str = "end_firm_link") -> None:
    """Nobody opens the firm's page or its calendars any more. Raises NoSuch."""
    firm(session, provider_id)
    people = [one.id for one in links.technicians_of(session, provider_id)]
    links.revoke(session, LinkPurpose.FIRM, [provider_id], now)
    links.revoke(session, LinkPurpose.CALENDAR, [provider_id, *people], now)
    write_act(session, action, ("provider", provider_id), Plan(), who, now)


def make_calendar_link(session: Session, provider_id: str, technician_id: str, who: Actor, now: Instant) -> None:
    """For all visits of the firm, or those of one technician; an earlier one ends. Raises NoSuch."""
    firm(session, provider_id)
    subject = technician_id or provider_id
    if technician_id:
        technician(session, provider_id, technician_id)
    links.revoke(session, LinkPurpose.CALENDAR, [subject], now)
    _add(session, LinkPurpose.CALENDAR, SubjectKind.TECHNICIAN if technician_id else SubjectKind.PROVIDER, subject, now)
    write_act(session, "make_calendar_link", ("provider", provider_id), Plan(), who, now)


def address(settings: Settings, link: Link) -> str:
    found = signed_links.url(settings.web.public_url, settings.secret.get_secret_value(), link.purpose, link.id)
    return f"{found}/calendar.ics" if link.purpose is LinkPurpose.CALENDAR else found


def firm(session: Session, provider_id: str) -> Provider:
    """Raises NoSuch, also for one that is asked no longer."""
    row = session.get(Provider, provider_id, with_for_update=True)
    if row is None or row.removed_at is not None:
        raise NoSuch(f"there is no provider {provider_id}")
    return row


def technician(session: Session, provider_id: str, technician_id: str) -> Technician:
    """Raises NoSuch, also for one of another firm, and for one who has left it."""
    row = session.get(Technician, technician_id, with_for_update=True)
    if row is None or row.provider_id != provider_id or row.ended_at is not None:
        raise NoSuch(f"{provider_id} has no technician {technician_id}")
    return row


def _add(session: Session, purpose: LinkPurpose, kind: SubjectKind, subject_id: str, now: Instant) -> Link:
    link = Link(id=new_id("L"), purpose=purpose, subject_kind=kind, subject_id=subject_id, created_at=now,
                expires_at=now + LINK_FOR)
    session.add(link)
    session.flush()
    return link
