"""Explains a local firm: what it was asked and what not and why, what it was told, and what it has to do."""

from collections.abc import Iterator

from gateway.calendars import time_off
from gateway.calendars.opening_hours import is_open, next_opening
from gateway.explain.format import Explanation, Line, counted, joined_words
from gateway.explain.people.channels import channel_lines, shadow_lines
from gateway.explain.people.contacts import contact_lines
from gateway.explain.people.facts import ProviderFacts
from gateway.explain.people.household import NOT_TOLD, moved, split
from gateway.explain.sla import hours_text
from gateway.explain.tickets_and_callbacks import ANSWERS
from gateway.model import Offer, Visit, local, provider
from gateway.notifications.format_times import TimeFormat
from gateway.tickets.dispatch.track_record import standing
from gateway.tickets.dispatch.working_times import opening_calendar


def explain_provider(facts: ProviderFacts, times: TimeFormat) -> Explanation:
    """Why it is asked or not, and whether it hears of it."""
    firm = facts.provider
    told, untold = split(facts.lately, lambda row: row.state not in NOT_TOLD)
    lines = [*_who(facts), *_hours(facts, times), _today(facts)]
    score, record = standing(facts.record)
    lines.append(Line("score", f"Its track record is worth {score:.2f} of 1 when firms are ranked: {record}"))
    lines += [_pending(one, times) for one in facts.offers if one.closed_at is None]
    lines += [_visit(one, times) for one in facts.visits]
    lines += [line for one in facts.offers if one.closed_at is not None for line in _answered(one, times)]
    if not facts.offers:
        lines.append(Line("provider", "It has been asked about nothing lately"))
    lines += [Line("provider", f"Not asked about {one.ticket_id} on {times.exact(one.at)}: {one.reason}", one.at)
              for one in facts.not_asked]
    lines += contact_lines(facts.contacts, {provider(firm.id): firm.name}, facts.sending, facts.channels, times)
    lines += moved("told", told, times, "It was told nothing lately")
    lines += moved("untold", untold, times, "Nothing that was meant for it was left unsent lately")
    lines += moved("held", facts.waiting, times, "Nothing waits for it")
    used = {one.channel for one in facts.contacts if one.stopped_at is None}
    lines += [*channel_lines(facts.sending, facts.channels, used, times), *shadow_lines(facts.sending)]
    return Explanation(firm.id, "provider", f"Why {firm.name} is asked, or is not", facts.zone, lines)


def _who(facts: ProviderFacts) -> Iterator[Line]:
    firm = facts.provider
    skills = joined_words(firm.skills) if firm.skills else "nothing"
    yield Line("what", f"{firm.name}, language {firm.locale}: {skills}; {_territory(facts)}")
    if firm.removed_at is not None:
        yield Line("what", "It is asked about nothing more: it was removed", firm.removed_at)
    if facts.people:
        people = [f"{one.name} ({joined_words(one.skills)})" if one.skills else one.name for one in facts.people]
        yield Line("what", f"Its people: {joined_words(people)}")
    yield Line("what", "Its visits come by mail, for calendars" if firm.invites else
               "It wants no visits by mail, for calendars")


def _territory(facts: ProviderFacts) -> str:
    territory = facts.provider.territory
    parts = [f"{name} {joined_words([str(one) for one in territory[name]])}"
             for name in ("areas", "postcodes") if territory.get(name)]
    if territory.get("polygon"):
        parts.append("a polygon on the map")
    return f"it works in {joined_words(parts)}" if parts else "no territory is known, so it is asked nowhere"


def _hours(facts: ProviderFacts, times: TimeFormat) -> Iterator[Line]:
    firm, calendar = facts.provider, opening_calendar(facts.provider)
    emergency = "; it takes critical work outside these hours" if firm.emergency else ""
    said = hours_text(calendar) if firm.hours else "it has no opening hours"
    if is_open(calendar, times.now):
        stands = "open now"
    else:
        opens = next_opening(calendar, times.now)
        stands = "closed, with no opening within a year" if opens is None else f"closed until {times.exact(opens)}"
    yield Line("hours", f"{said}: {stands}{emergency}")
    if firm.quiet_from is not None:
        yield Line("hours", f"Asked about urgent work only from {firm.quiet_from} until {firm.quiet_until}")
    for off in time_off.entries(firm.time_off, local(times.now, firm.timezone).date()):
        yield Line("hours", f"Off from {off.first.isoformat()} until {off.last.isoformat()}, as the firm says"
                            + (f": {off.reason}" if off.reason else ""))


def _today(facts: ProviderFacts) -> Line:
    firm, load = facts.provider, facts.workload
    whose = "as the file says" if firm.own_capacity is None else "as the firm says itself"
    room = firm.visits_a_day - load.visits - load.pending
    out = f"; out now: {joined_words([one or 'somebody' for one in load.out])}" if load.out else ""
    return Line("capacity", f"Takes {counted(firm.visits_a_day, 'visit')} a day, {whose}; today {load.visits}, and "
                            f"{counted(load.pending, 'offer')} without an answer: "
                            f"{f'room for {room} more' if room > 0 else 'full'}{out}")


def _pending(offer: Offer, times: TimeFormat) -> Line:
    return Line("next", f"Offer {offer.id} of {offer.ticket_id}, made on {times.exact(offer.offered_at)}: an answer is "
                        f"waited for until {times.exact(offer.expires_at)}", offer.expires_at)


def _visit(visit: Visit, times: TimeFormat) -> Line:
    who = f" by {visit.technician}" if visit.technician else ""
    return Line("next", f"Visit {visit.id} of {visit.ticket_id}{who}, promised between "
                        f"{times.exact(visit.window_from)} and {times.exact(visit.window_until)}: "
                        f"{str(visit.state).replace('_', ' ')}", visit.window_from)


def _answered(offer: Offer, times: TimeFormat) -> Iterator[Line]:
    answer = ANSWERS.get(offer.state, str(offer.state)) + (f": {offer.answer}" if offer.answer else "")
    yield Line("provider", f"Asked about {offer.ticket_id} on {times.exact(offer.offered_at)} (offer {offer.id}): it "
                           f"{answer}", offer.offered_at)
    ranked = next((one for one in offer.evidence.get("eligible", []) if one["provider_id"] == offer.provider_id), None)
    if ranked is not None:
        yield Line("provider", f"… because it was number {ranked['rank']}: {'; '.join(ranked['reasons'])}")
    if offer.left_out is not None:
        yield Line("provider", f"… which does not count in its track record: {offer.left_out}")
