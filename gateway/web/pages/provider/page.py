"""The firm's own page: what it is asked, whom it visits, when it is away, its calendars and its scorecard."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars.time_off import BadTimeOff, TimeOff, entries
from gateway.flow.firms import own_days, own_links, own_people
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Instant, Link, LinkPurpose, Provider, Technician, local
from gateway.model.plan import NoSuch
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import Conflict
from gateway.store.firms import links, portraits
from gateway.store.firms.scorecard import scorecard
from gateway.store.views.console import own_work
from gateway.store.views.console.own_work import OwnVisit
from gateway.tickets.context import Policy
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, address, open_link
from gateway.web.pages.provider.job_sheet import has_sheet
from gateway.web.pages.provider.work import Job, day_lines, offered_job, visited_job
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
OVER = 10  # visits that are over, on the page
# what the page can say that it has just done
SAID = ("off", "on", "capacity", "calendar", "invites", "add", "rename", "end", "portrait", "portrait_off")


class FirmForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    who: str = ""  # id of a technician; "": the whole firm
    first: str = ""  # 2026-12-24
    last: str = ""
    reason: str = ""
    entry: str = ""  # id of time off
    visits: str = ""  # a day; "": as agreed
    name: str = ""  # of a technician
    wanted: str = ""  # "yes": invites by mail


class Away(NamedTuple):
    """Time off in the list. `clashes`: visits that are planned on those days all the same."""

    entry: TimeOff
    who: str  # id of a technician; "": the whole firm
    name: str
    clashes: list[Job]
    first: str
    last: str


class Feed(NamedTuple):
    """A calendar that can be subscribed to. `address`: "": nobody has made one yet."""

    who: str
    name: str
    address: str


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
def firm_page(gw: Gw, now: Now, render: Render, token: str, said: str = "") -> Response:
    return shown_page(gw, render, token, now, said=said)


@router.post("/p/{token}")
def say(gw: Gw, now: Now, render: Render, token: str, given: Annotated[FirmForm, Form()]) -> Response:
    """The same tap twice is one; what was typed is kept when it cannot be used."""
    try:
        with gw.store.write() as session:
            firm = opened_firm(session, open_link(session, gw.settings, LinkPurpose.FIRM, token, now))
            said = firm_act(session, given, firm, gw.policy, Actor(ActorKind.PROVIDER, firm.name), now)
    except (InvalidInput, BadTimeOff) as unusable:
        return shown_page(gw, render, token, now, 422, note=str(unusable), given=given)
    except own_people.BadTechnician as bad:
        return shown_page(gw, render, token, now, 422, note=str(bad), given=given)
    except own_days.BadCapacity:
        return shown_page(gw, render, token, now, 422, note="page.firm.bad_capacity", given=given)
    except (NoSuch, Conflict):
        return shown_page(gw, render, token, now, 409, note="page.not_possible", given=given)
    return RedirectResponse(f"{render.root}/p/{token}?said={said}#said", 303)


def firm_act(session: Session, given: FirmForm, firm: Provider, policy: Policy, who: Actor, now: Instant) -> str:
    """Does what the form asks for; returns which of SAID that was. Raises InvalidInput, BadTimeOff, BadCapacity,
    BadTechnician, NoSuch and Conflict."""
    match given.act:
        case "off":
            own_days.enter_time_off(session, firm.id, given.who, _day(given.first), _day(given.last or given.first),
                                    given.reason, who, now)
        case "on":
            own_days.end_time_off(session, firm.id, given.who, given.entry, who, now)
        case "capacity":
            own_days.set_capacity(session, firm.id, _number(given.visits), who, now)
        case "invites":
            own_days.set_invites(session, firm.id, given.wanted == "yes", who, now)
        case "calendar":
            own_links.make_calendar_link(session, firm.id, given.who, who, now)
        case "add":
            own_people.add_technician(session, firm.id, given.name, who, now)
        case "rename":
            own_people.rename_technician(session, firm.id, given.who, given.name, policy, who, now)
        case "end":
            own_people.end_technician(session, firm.id, given.who, who, now)
        case "portrait_off":
            own_people.remove_portrait(session, firm.id, given.who, who, now)
        case _:
            raise InvalidInput("page.not_possible")
    return given.act


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput("page.firm.day_needed") from None


def _number(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 5):
        raise own_days.BadCapacity
    return int(text)


def opened_firm(session: Session, link: Link) -> Provider:
    """Raises LinkInvalid for one that is asked no longer."""
    firm = session.get(Provider, link.subject_id)
    if firm is None or firm.removed_at is not None:
        raise LinkInvalid
    return firm


def shown_page(gw: Gateway, render: Renderer, token: str, now: Instant, status: int = 200, note: str = "",
               said: str = "", given: FirmForm | None = None) -> Response:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FIRM, token, now)
        firm = opened_firm(session, link)
        words = catalogue_for(firm.locale)
        content = {**_work(session, render, firm, token, words, now), **own_content(gw, session, firm, words, now)}
    return render.page("firm.html", words, status, note=words(note) if note else "",
                       people_root=f"{render.root}/p/{token}/people",
                       said=words(f"page.firm.said.{said}") if said in SAID else "", given=given or FirmForm(),
                       until=link.expires_at, **content)


def _work(session: Session, render: Renderer, firm: Provider, token: str, words: Catalogue, now: Instant
          ) -> dict[str, Any]:
    """What it is asked and whom it visits, with the address of the page of each."""
    offers = own_work.open_offers(session, firm.id, now)
    ahead = own_work.visits_ahead(session, firm.id, now)
    over: list[OwnVisit] = list(own_work.visits_over(session, firm.id, None, OVER, now).rows)
    pages = {
        purpose: {subject: address(render, purpose, link) for subject, link in links.linked(
            session, purpose, ids, now).items()}
        for purpose, ids in ((LinkPurpose.OFFER, [one.offer.id for one in offers]),
                             (LinkPurpose.VISIT, [one.visit.id for one in (*ahead, *over)]))}
    jobs = [visited_job(one, words, firm.timezone, now) for one in ahead]
    lines = day_lines(jobs, ahead, firm.timezone, words, now)
    shown = {stop.job.id for day in lines for stop in day.stops}
    return {"firm": firm, "offers": [offered_job(one, words, now) for one in offers], "days": lines,
            "later": [job for job in jobs if job.id not in shown], "ahead": jobs,
            "sheets": {one.visit.id: f"{render.root}/p/{token}/sheets/{one.visit.id}" for one in over
                       if has_sheet(one.visit, now)},
            "over": [visited_job(one, words, firm.timezone, now) for one in over],
            "offer_pages": pages[LinkPurpose.OFFER], "visit_pages": pages[LinkPurpose.VISIT]}


def own_content(gw: Gateway, session: Session, firm: Provider, words: Catalogue, now: Instant) -> dict[str, Any]:
    """What a firm says of itself, and how it does."""
    people = links.technicians_of(session, firm.id)
    ahead = own_work.visits_ahead(session, firm.id, now)
    today = today_of(firm, now)
    made = links.calendar_links(session, firm.id, now)
    addresses = {key: own_links.address(gw.settings, link) for key, link in made.items()}
    feeds = [Feed("", words("page.firm.everybody"), addresses.get(firm.id, "")),
             *(Feed(one.id, one.name, addresses.get(one.id, "")) for one in people)]
    return {"say": TimeFormat(words, firm.timezone, now), "people": people,
            "portraits": portraits.shown(session, [one.id for one in people]), "today": today.isoformat(),
            "away": away_of(firm, people, ahead, words, today, now), "feeds": feeds,
            "card": scorecard(session, firm.id, now)}


def today_of(firm: Provider, now: Instant) -> date:
    """On its own wall."""
    return local(now, firm.timezone).date()


def away_of(firm: Provider, people: Sequence[Technician], ahead: Sequence[OwnVisit], words: Catalogue, today: date,
            now: Instant) -> list[Away]:
    """All time off that is not over yet, the next first."""
    say = TimeFormat(words, firm.timezone, now)
    found = []
    everybody = [("", "", firm.time_off), *((one.id, one.name, one.time_off) for one in people)]
    for who, name, stored in everybody:
        for one in entries(stored, today):
            if one.last >= today:
                clashes = [visited_job(each, words, firm.timezone, now) for each in ahead
                           if one.includes(local(each.visit.window_from, firm.timezone).date())
                           and name in ("", each.visit.technician)]
                found.append(Away(one, who, name, clashes, say.day(one.first), say.day(one.last)))
    return sorted(found, key=lambda one: (one.entry.first, one.entry.last, one.name))
