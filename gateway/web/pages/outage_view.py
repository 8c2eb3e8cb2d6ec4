"""The content of the customer's page for an area outage."""

from typing import NamedTuple

from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.model import Instant, MemberState, OutageMember, OutageState, Site, TicketState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number, rounded_homes
from gateway.notifications.messages import in_danger
from gateway.outages.context import CUSTOMER_KINDS
from gateway.outages.lifecycle import OVER
from gateway.store.views.customer.outage import FollowedOutage
from gateway.store.views.pages import FollowedTicket
from gateway.tickets.lifecycle import SETTLED, UNASSIGNED, WORKS
from gateway.web.pages.follow.history import PastEvent
from gateway.web.pages.ticket_view import (
    TICKET_LOOK,
    Card,
    FollowPage,
    Step,
    is_late,
    steps,
    steps_not_reached,
)

_STEPS = (("noticed", "bell"), ("asked", "talk"), ("assigned", "person"), ("on_the_way", "van"), ("on_site", "wrench"),
          ("power", "bolt"))
_LOOK = {"dark": ("alert", "bolt"), "near": ("alert", "bolt"), "nested": ("alert", "warn"), "back": ("good", "check"),
         "mute": ("quiet", "check"), "ours": ("moving", "bell"), "over": ("good", "check"),
         OutageState.RESTORING: ("moving", "bolt")}


class _OutageReader(NamedTuple):
    """The outage as one customer sees it, with their language and time zone."""

    facts: FollowedOutage
    own: str  # the worst of their homes: dark | nested | mute | back; "near": none of theirs is in it
    words: Catalogue
    say: TimeFormat
    can_press: bool  # there is a button that works, as far as we know
    button_dead: bool  # an emergency button there does not, as far as we know
    country: str  # of a site that does not say its own

    @property
    def over(self) -> bool:
        return self.facts.outage.state in OVER

    @property
    def waits(self) -> bool:
        """Whether the outage still goes on for this customer."""
        return not self.over and self.own in ("dark", "near")


def outage_page_content(facts: FollowedOutage, words: Catalogue, say: TimeFormat, country: str, can_press: bool,
                        button_dead: bool, ticket_page: str = "") -> FollowPage:
    """The page for one customer at `say.now`. `country`: of sites that do not say theirs; `can_press`: a button there
    works, as far as we know; `button_dead`: an emergency button there does not; `ticket_page`: the address of their own
    ticket's page, "" for none."""
    reader = _OutageReader(facts, _worst([member for member, _ in facts.homes]), words, say, can_press, button_dead,
                           country)
    outage = facts.outage
    if outage.kind not in CUSTOMER_KINDS:
        tone, icon = _LOOK["ours"]
        return FollowPage(tone, icon, words("page.outage_ours"), words("page.outage_ours_more"), own=_own(reader),
                          past=_past(reader), number=outage.id)
    if outage.state is OutageState.DISMISSED:
        tone, icon = _LOOK["mute"]
        return FollowPage(tone, icon, words("page.outage_false", area=outage.name), words("page.outage_false_more"),
                          own=_own(reader), past=_past(reader), number=outage.id)
    tone, icon, headline, more = _headline(reader)
    time_name, time = _time(reader)
    hint = f" {words('page.etr_hint')}" if _estimate(reader) is not None else ""
    return FollowPage(
        tone, icon, headline, more + hint, time_name, time,
        sorry=words("page.etr_passed") if _is_longer(reader) else "",
        steps=_progress(reader), past=_past(reader), facts=_facts(reader), number=outage.id, own=_own(reader),
        advice=_advice(reader), leads_to=(ticket_page, words("page.to_own_ticket")) if ticket_page else None,
        updates=_updates(reader))


def _updates(reader: _OutageReader) -> list[PastEvent]:
    """What we have told others who asked, as long as it goes on for this customer."""
    said = reader.facts.answers if reader.waits else ()
    return [PastEvent(one.saved_at, in_language(one.words, reader.words)) for one in said]


def _worst(members: list[OutageMember]) -> str:
    if any(member.back_at is None and member.state == MemberState.AFFECTED for member in members):
        return "dark"
    if any(member.back_at is None and member.state == MemberState.NESTED for member in members):
        return MemberState.NESTED
    if any(member.state == MemberState.LEFT for member in members):
        return "mute"
    return "back" if members else "near"


def _headline(reader: _OutageReader) -> tuple[str, str, str, str]:
    """(tone, icon, headline, what follows it)"""
    facts, words = reader.facts, reader.words
    area = facts.outage.name
    if reader.own == MemberState.NESTED or (reader.over and reader.own == "dark"):
        key = MemberState.NESTED if facts.own_ticket is not None else "nested_soon"
        return *_LOOK["nested"], words("page.outage_nested"), words(f"page.outage_{key}_more")
    if reader.over:
        key = {"mute": "mute", "near": "over_near"}.get(reader.own, "over")
        return (*_LOOK["mute" if key == "mute" else "over"], words("page.outage_over", area=area),
                words(f"page.outage_{key}_more"))
    if reader.own == "back":
        return *_LOOK["back"], words("page.outage_back"), words("page.outage_back_more", area=area)
    near = "_near" if reader.own != "dark" else "_said" if _by_word_alone(facts) else ""
    if facts.outage.state == OutageState.RESTORING:
        return (*_LOOK["restoring"], words("page.outage_restoring", area=area),
                words(f"page.outage_restoring{near}_more"))
    return (*_LOOK["dark"], words("page.outage", area=area),
            words(f"page.outage{near}_more", homes=_homes(reader, "_to")))


def _by_word_alone(facts: FollowedOutage) -> bool:
    """Whether we know from the household itself that it is dark, and not from its devices."""
    return all(member.by_word for member, _ in facts.homes if member.dark)


def _homes(reader: _OutageReader, case: str = "") -> str:
    """The number of homes in words, rounded so that nobody can be picked out."""
    count = rounded_homes(reader.facts.outage.homes)
    if not count:
        return reader.words(f"page.homes_several{case}")
    return reader.words(f"page.homes_about{case}", count=number(count, reader.words.locale))


def _estimate(reader: _OutageReader) -> Instant | None:
    etr = reader.facts.etr
    return etr if etr is not None and etr > reader.say.now and reader.waits else None


def _is_longer(reader: _OutageReader) -> bool:
    etr = reader.facts.etr
    return reader.waits and (reader.facts.longer or (etr is not None and etr <= reader.say.now))


def _time(reader: _OutageReader) -> tuple[str, str]:
    words, when = reader.words, reader.say.when
    etr = _estimate(reader)
    if etr is not None:
        return words("page.etr"), capital(when(etr))
    backs = [member.back_at for member, _ in reader.facts.homes if member.back_at is not None]
    if reader.own == "back" and backs:
        return words("page.home_back"), capital(when(max(backs)))
    return (words("page.since"), capital(when(reader.facts.outage.began_at))) if reader.waits else ("", "")


def _progress(reader: _OutageReader) -> list[Step]:
    """The progress of the provider's work; empty when the outage no longer concerns this customer."""
    work = reader.facts.work
    if work is None or reader.own == MemberState.NESTED or not (reader.over or reader.waits):
        return []
    settled = reader.over or work.ticket.state in SETTLED  # also when it has been reopened for a single home
    left_out = steps_not_reached(work) - {"fixed"} if settled else frozenset[str]()
    at = len(_STEPS) - 1 if reader.over else TICKET_LOOK[work.ticket.state].station
    return steps(_STEPS, at, "good" if reader.over else "moving", left_out, reader.words)


def _facts(reader: _OutageReader) -> list[tuple[str, str]]:
    words, say, outage = reader.words, reader.say, reader.facts.outage
    etr = _estimate(reader)
    known = [(words("page.homes_affected"), capital(_homes(reader)))]
    if etr is not None or not reader.waits:  # else it stands at the top
        known.insert(0, (words("page.since"), capital(say.when(outage.began_at))))
    if etr is None and reader.waits:
        known.append((words("page.etr"), words("page.etr_none" if _is_longer(reader) else "page.etr_unknown")))
    crew = _crew(reader, reader.facts.work) if reader.facts.work is not None and not reader.over else ""
    if crew:
        known.append((words("page.on_it"), crew))
    if reader.own == "dark" and not reader.over:
        known.append((words("page.hear_again"), words("page.hear_back" if etr is None else "page.hear_back_or_longer")))
    return known


def _crew(reader: _OutageReader, work: FollowedTicket) -> str:
    """The provider and when it comes; never the home that the ticket names, nor the technician."""
    ticket, visit, words, say = work.ticket, work.visit, reader.words, reader.say
    firm = work.provider.name if work.provider is not None else words("page.somebody")
    if ticket.state in UNASSIGNED:
        return words("page.crew.wanted")
    if ticket.state in WORKS:
        return words("page.crew.done") if visit is not None and visit.done_at is not None else ""
    if ticket.state == TicketState.ON_SITE:
        return words("page.crew.on_site", firm=firm)
    if visit is None or ticket.state == TicketState.CANCELLED:
        return ""
    if ticket.state == TicketState.EN_ROUTE and visit.eta is not None and visit.eta > say.now:
        return words("page.crew.en_route", firm=firm, when=say.when(visit.eta))
    if is_late(ticket, visit, say.now):
        return words("page.crew.later", firm=firm)
    return words("page.crew.assigned", firm=firm, when=say.span(visit.window_from, visit.window_until))


def _own(reader: _OutageReader) -> Card | None:
    homes, words = reader.facts.homes, reader.words
    if not homes:
        return None
    if len(homes) == 1:
        return Card(words("page.your_home"), facts=_one_home(homes[0][0], reader))
    return Card(words("page.your_homes"), facts=[(_named(site), _in_short(member, reader)) for member, site in homes])


def _one_home(member: OutageMember, reader: _OutageReader) -> list[tuple[str, str]]:
    words, when = reader.words, reader.say.when
    if member.state == MemberState.LEFT:
        return [("", words("page.home_mute"))]
    known = [(words("page.home_dark"), capital(when(member.died_at)))]
    if member.back_at is not None:
        known.append((words("page.home_back"), capital(when(member.back_at))))
    return known


def _in_short(member: OutageMember, reader: _OutageReader) -> str:
    words, when = reader.words, reader.say.when
    if member.state == MemberState.LEFT:
        return words("page.home_mute")
    if member.back_at is not None:
        return words("page.home_back_since", when=when(member.back_at))
    return words("page.home_dark_since", when=when(member.died_at))


def _named(site: Site) -> str:
    return site.name or site.street or site.id


def _advice(reader: _OutageReader) -> Card | None:
    words = reader.words
    if not reader.waits and reader.own != MemberState.NESTED:
        return None
    nothing = ["page.can_nothing"] if reader.waits and reader.own == "dark" else []
    press = ["page.can_press"] if reader.can_press else []  # a button in a dark home is dead with its hub
    danger = in_danger(emergency_number(reader.facts.site.country or reader.country), words)
    dead = ["page.button_dead"] if reader.button_dead else []
    return Card(words("page.you_can"),
                lines=[*(words(key) for key in (*nothing, *press, *dead)), danger, words("page.can_call")])


def _past(reader: _OutageReader) -> list[PastEvent]:
    outage, work, words = reader.facts.outage, reader.facts.work, reader.words
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
                for member, site in reader.facts.homes if member.state != MemberState.LEFT]
    if outage.kind in CUSTOMER_KINDS:
        moments += [(outage.restoring_at if outage.restoring_at != outage.restored_at else None,
                     words("page.past_outage_restoring")),
                    (outage.restored_at, words("page.past_outage_over", area=outage.name))]
    return sorted((PastEvent(at, what) for at, what in moments if at is not None), key=lambda past: past.at)
