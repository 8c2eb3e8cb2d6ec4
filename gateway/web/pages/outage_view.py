"""The content of the customer's page for an area outage."""

from typing import NamedTuple

from gateway.model import Instant, MemberState, OutageMember, OutageState, Site, TicketState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number, rounded_homes
from gateway.outages.changes import TOLD
from gateway.outages.lifecycle import OVER
from gateway.store.views.outage_pages import FollowedOutage
from gateway.store.views.pages import FollowedTicket
from gateway.tickets.lifecycle import UNASSIGNED, WORKS
from gateway.web.pages.ticket_view import TICKET_LOOK, Card, Past, Step, Story, is_late, never_passed, steps

_STEPS = (("noticed", "bell"), ("asked", "talk"), ("assigned", "person"), ("on_the_way", "van"), ("on_site", "wrench"),
          ("power", "bolt"))
_LOOK = {"dark": ("alert", "bolt"), "near": ("alert", "bolt"), "nested": ("alert", "warn"), "back": ("good", "check"),
         "mute": ("quiet", "check"), "ours": ("moving", "bell"), "over": ("good", "check"),
         OutageState.RESTORING: ("moving", "bolt")}
_PACE = 20  # seconds: it changes slowly, and a whole district looks at once


class _PageContent(NamedTuple):
    """What every part of the page is told from."""

    facts: FollowedOutage
    own: str  # dark | nested | mute | back, the worst of their homes; "near": none of theirs is in it
    words: Catalogue
    say: TimeFormat

    @property
    def over(self) -> bool:
        return self.facts.outage.state in OVER

    @property
    def waits(self) -> bool:
        """Whether it still goes on for this reader."""
        return not self.over and self.own in ("dark", "near")


def outage_story(facts: FollowedOutage, words: Catalogue, say: TimeFormat, ticket_page: str = "") -> Story:
    """The page of one customer, as things stand at `say.now`; `ticket_page` is the address of their own ticket's."""
    told = _PageContent(facts, _worst([member for member, _ in facts.homes]), words, say)
    outage = facts.outage
    if outage.kind not in TOLD:
        tone, icon = _LOOK["ours"]
        return Story(tone, icon, words("page.outage_ours"), words("page.outage_ours_more"), own=_own(told),
                     past=_past(told), number=outage.id, pace=_PACE)
    tone, icon, headline, more = _headline(told)
    time_name, time = _time(told)
    hint = f" {words('page.etr_hint')}" if _estimate(told) is not None else ""
    return Story(
        tone, icon, headline, more + hint, time_name, time, sorry=words("page.etr_passed") if _is_longer(told) else "",
        steps=_progress(told), past=_past(told), facts=_facts(told), number=outage.id, own=_own(told),
        advice=_advice(told), leads_to=(ticket_page, words("page.to_own_ticket")) if ticket_page else None, pace=_PACE)


def _worst(members: list[OutageMember]) -> str:
    if any(member.back_at is None and member.state == MemberState.AFFECTED for member in members):
        return "dark"
    if any(member.back_at is None and member.state == MemberState.NESTED for member in members):
        return MemberState.NESTED
    if any(member.state == MemberState.LEFT for member in members):
        return "mute"
    return "back" if members else "near"


def _headline(told: _PageContent) -> tuple[str, str, str, str]:
    """(tone, icon, headline, what follows it)"""
    facts, words = told.facts, told.words
    area = facts.outage.name
    if told.own == MemberState.NESTED or (told.over and told.own == "dark"):
        key = MemberState.NESTED if facts.own_ticket is not None else "nested_soon"
        return *_LOOK["nested"], words("page.outage_nested"), words(f"page.outage_{key}_more")
    if told.over:
        key = {"mute": "mute", "near": "over_near"}.get(told.own, "over")
        return (*_LOOK["mute" if key == "mute" else "over"], words("page.outage_over", area=area),
                words(f"page.outage_{key}_more"))
    if told.own == "back":
        return *_LOOK["back"], words("page.outage_back"), words("page.outage_back_more", area=area)
    near = "" if told.own == "dark" else "_near"
    if facts.outage.state == OutageState.RESTORING:
        return (*_LOOK["restoring"], words("page.outage_restoring", area=area),
                words(f"page.outage_restoring{near}_more"))
    return (*_LOOK["dark"], words("page.outage", area=area),
            words(f"page.outage{near}_more", homes=_homes(told, "_to")))


def _homes(told: _PageContent, case: str = "") -> str:
    """How many, so that nobody can be picked out."""
    count = rounded_homes(told.facts.outage.homes)
    if not count:
        return told.words(f"page.homes_several{case}")
    return told.words(f"page.homes_about{case}", count=number(count, told.words.locale))


def _estimate(told: _PageContent) -> Instant | None:
    etr = told.facts.outage.etr_at
    return etr if etr is not None and etr > told.say.now and told.waits else None


def _is_longer(told: _PageContent) -> bool:
    etr = told.facts.outage.etr_at
    return told.waits and (told.facts.longer or (etr is not None and etr <= told.say.now))


def _time(told: _PageContent) -> tuple[str, str]:
    words, when = told.words, told.say.when
    etr = _estimate(told)
    if etr is not None:
        return words("page.etr"), capital(when(etr))
    backs = [member.back_at for member, _ in told.facts.homes if member.back_at is not None]
    if told.own == "back" and backs:
        return words("page.home_back"), capital(when(max(backs)))
    return (words("page.since"), capital(when(told.facts.outage.began_at))) if told.waits else ("", "")


def _progress(told: _PageContent) -> list[Step]:
    """How far the one firm is; nothing to a reader for whom that is no longer what matters."""
    work = told.facts.work
    if work is None or told.own == MemberState.NESTED or not (told.over or told.waits):
        return []
    left_out = never_passed(work) - {"fixed"} if told.over else frozenset[str]()
    at = len(_STEPS) - 1 if told.over else TICKET_LOOK[work.ticket.state].station
    return steps(_STEPS, at, "good" if told.over else "moving", left_out, told.words)


def _facts(told: _PageContent) -> list[tuple[str, str]]:
    words, say, outage = told.words, told.say, told.facts.outage
    etr = _estimate(told)
    known = [(words("page.homes_affected"), capital(_homes(told)))]
    if etr is not None or not told.waits:  # else it stands at the top
        known.insert(0, (words("page.since"), capital(say.when(outage.began_at))))
    if etr is None and told.waits:
        known.append((words("page.etr"), words("page.etr_none" if _is_longer(told) else "page.etr_unknown")))
    crew = _crew(told, told.facts.work) if told.facts.work is not None and not told.over else ""
    if crew:
        known.append((words("page.on_it"), crew))
    if told.own == "dark" and not told.over:
        known.append((words("page.hear_again"), words("page.hear_back" if etr is None else "page.hear_back_or_longer")))
    return known


def _crew(told: _PageContent, work: FollowedTicket) -> str:
    """The firm and when it comes; never the home where its ticket stands, nor who drives."""
    ticket, visit, words, say = work.ticket, work.visit, told.words, told.say
    firm = work.provider.name if work.provider is not None else words("page.somebody")
    if ticket.state in UNASSIGNED:
        return words("page.crew.wanted")
    if ticket.state in WORKS:
        return words("page.crew.done")
    if ticket.state == TicketState.ON_SITE:
        return words("page.crew.on_site", firm=firm)
    if visit is None or ticket.state == TicketState.CANCELLED:
        return ""
    if ticket.state == TicketState.EN_ROUTE and visit.eta is not None and visit.eta > say.now:
        return words("page.crew.en_route", firm=firm, when=say.when(visit.eta))
    if is_late(ticket, visit, say.now):
        return words("page.crew.later", firm=firm)
    return words("page.crew.assigned", firm=firm, when=say.span(visit.window_from, visit.window_until))


def _own(told: _PageContent) -> Card | None:
    homes, words = told.facts.homes, told.words
    if not homes:
        return None
    if len(homes) == 1:
        return Card(words("page.your_home"), facts=_one_home(homes[0][0], told))
    return Card(words("page.your_homes"), facts=[(_named(site), _in_short(member, told)) for member, site in homes])


def _one_home(member: OutageMember, told: _PageContent) -> list[tuple[str, str]]:
    words, when = told.words, told.say.when
    if member.state == MemberState.LEFT:
        return [("", words("page.home_mute"))]
    known = [(words("page.home_dark"), capital(when(member.died_at)))]
    if member.back_at is not None:
        known.append((words("page.home_back"), capital(when(member.back_at))))
    return known


def _in_short(member: OutageMember, told: _PageContent) -> str:
    words, when = told.words, told.say.when
    if member.state == MemberState.LEFT:
        return words("page.home_mute")
    if member.back_at is not None:
        return words("page.home_back_since", when=when(member.back_at))
    return words("page.home_dark_since", when=when(member.died_at))


def _named(site: Site) -> str:
    return site.name or site.street or site.id


def _advice(told: _PageContent) -> Card | None:
    words = told.words
    if told.waits:
        first = ["page.can_nothing"] if told.own == "dark" else []
        return Card(words("page.you_can"), lines=[words(key) for key in (*first, "page.can_press", "page.can_call")])
    if told.own == MemberState.NESTED:
        return Card(words("page.you_can"), lines=[words("page.can_press"), words("page.can_call")])
    return None


def _past(told: _PageContent) -> list[Past]:
    outage, work, words = told.facts.outage, told.facts.work, told.words
    moments: list[tuple[Instant | None, str]] = [(outage.began_at, words("page.past_outage"))]
    if work is not None:
        firm, visit = work.provider.name if work.provider else words("page.somebody"), work.visit
        moments += [
            (work.asked_at, words("page.past_outage_asked")),
            (visit.created_at if visit else None, words("page.past_assigned", firm=firm)),
            (visit.en_route_at if visit else None, words("page.past_outage_on_the_way", firm=firm)),
            (visit.on_site_at if visit else None, words("page.past_outage_on_site", firm=firm)),
        ]
    moments += [(member.back_at, words("page.past_outage_back", home=_named(site)))
                for member, site in told.facts.homes if member.state != MemberState.LEFT]
    if outage.kind in TOLD:
        moments += [(outage.restoring_at if outage.restoring_at != outage.restored_at else None,
                     words("page.past_outage_restoring")),
                    (outage.restored_at, words("page.past_outage_over", area=outage.name))]
    return sorted((Past(at, what) for at, what in moments if at is not None), key=lambda past: past.at)
