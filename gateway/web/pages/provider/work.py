"""A firm's work in words: what it is asked, and whom it visits today and tomorrow; for its own page and the console."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from gateway.calendars.opening_hours import Span
from gateway.model import Instant, Visit, VisitState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.store.views.console.own_work import OwnOffer, OwnVisit
from gateway.web.pages.provider.day_line import Bar, days, draw


class Job(NamedTuple):
    """An offer or a visit in a list. Times are the home's."""

    id: str
    number: str
    severity: str
    cause: str
    device: str
    place: str
    own: OwnOffer | OwnVisit
    say: TimeFormat


class Stop(NamedTuple):
    """A visit on a day line. `needs`: what somebody should do about it; "" when nothing is wrong."""

    number: int
    job: Job
    visit: Visit
    needs: str


class Day(NamedTuple):
    """One day on the provider's wall: its line, and the list that says the same."""

    name: str
    date: str
    line: Markup
    stops: list[Stop]
    say: TimeFormat


def offered_job(one: OwnOffer, words: Catalogue, now: Instant) -> Job:
    """No more than a firm may know before it has accepted."""
    site = one.site
    return Job(one.offer.id, one.ticket.id, one.ticket.severity, cause_in(one, words),
               one.device.name if one.device else "", f"{site.postcode} {site.town}".strip(), one,
               TimeFormat(words, site.timezone, now))


def visited_job(one: OwnVisit, words: Catalogue, zone: str, now: Instant) -> Job:
    """`zone`: for the times of one whose page is over, and with it what they may know of the home."""
    site = one.site
    return Job(one.visit.id, one.ticket.id, one.ticket.severity, cause_in(one, words) if site is not None else "",
               one.device.name if one.device else "", site.address if site is not None else "", one,
               TimeFormat(words, site.timezone if site is not None else zone, now))


def day_lines(jobs: Sequence[Job], ahead: Sequence[OwnVisit], zone: str, words: Catalogue, now: Instant) -> list[Day]:
    """Today and tomorrow on the firm's wall. `jobs`: those of `ahead`, in the same order."""
    visits = [(job, one.visit) for job, one in zip(jobs, ahead, strict=True)]
    return [_day(day, visits, zone, words, now) for day in days(zone, now)]


def _day(day: Span, ahead: Sequence[tuple[Job, Visit]], zone: str, words: Catalogue, now: Instant) -> Day:
    """The visits whose window touches that day, and today also those that are late from a day before."""
    is_today = day[0] <= now < day[1]
    touching = [(job, visit) for job, visit in ahead if visit.window_from < day[1]
                and (visit.window_until > day[0] or is_today)]
    stops = [Stop(number, job, visit, _needs(visit, words, now)) for number, (job, visit) in enumerate(touching, 1)]
    bars = [Bar(stop.number, stop.visit.window_from, stop.visit.window_until, _kind(stop)) for stop in stops
            if stop.visit.window_until > day[0]]
    say = TimeFormat(words, zone, now)
    return Day(words("page.firm.today" if is_today else "page.firm.tomorrow"), say.date(day[0]),
               draw(day, zone, bars, now), stops, say)


def _needs(visit: Visit, words: Catalogue, now: Instant) -> str:
    """What somebody of the firm should do about it now."""
    if visit.state not in (VisitState.PLANNED, VisitState.EN_ROUTE) or now < visit.window_from:
        return ""
    if now >= visit.window_until:
        return words("page.firm.needs_word")
    return words("page.firm.needs_start") if visit.state == VisitState.PLANNED else ""


def _kind(stop: Stop) -> str:
    return "late" if stop.needs else "planned" if stop.visit.state == VisitState.PLANNED else "moving"


def cause_in(one: OwnOffer | OwnVisit, words: Catalogue) -> str:
    if one.outage is not None:
        return words("message.outage.cause", area=one.outage.name)
    return one.cause.get(words.locale) or one.ticket.cause
