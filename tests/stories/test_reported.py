"""A person reports that something is wrong: with or without a device, again, beside an alarm, and until it is done."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlmodel import col

from gateway.model import (
    HOUR,
    Cover,
    Device,
    IncompleteReason,
    Job,
    OnCallPage,
    PageReason,
    Price,
    PriceAnswer,
    Severity,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    customer,
    provider,
)
from gateway.store import Store
from gateway.tickets.actions import (
    AgreeToPrice,
    Arrive,
    DeclinePrice,
    Depart,
    Finish,
    MergeTickets,
    OpenTicket,
    ResolveTicket,
    UnmergeTicket,
)
from tests.drivers.web_driver import WebStory, read, web_story

COLD = OpenTicket("alice-home", "No hot water since this morning.", "heating", Severity.MAJOR, note="a baby is there")
NOISE = OpenTicket("alice-home", "The pump rattles", "heating", Severity.MINOR, device_id="alice-pump")
ALICE, KUNZ = customer("alice"), provider("kunz")


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def reported(there: WebStory, report: OpenTicket = COLD, who: str = "agent Dana") -> Ticket:
    """Somebody says so at the desk, and the messages go out."""
    there.act(report, who)
    there.wait()
    return there.one(Ticket, col(Ticket.closed_at).is_(None), Ticket.subject == (
        None if report.device_id else report.skill), Ticket.device_id == report.device_id)


def come_and_finish(there: WebStory, ticket: Ticket, note: str = "New thermostat", **more: Any) -> None:
    """The technician who has accepted sets out, is there, and says how it went."""
    visit_id = there.again(ticket).visit_id or ""
    for act in (Depart(visit_id, 20), Arrive(visit_id), Finish(visit_id, note, **more)):
        there.wait(5)
        there.act(act, "technician Karin Kunz")
    there.wait(1)


def text_to(there: WebStory, address: str) -> str:
    """The last message to this address."""
    return next(message.text for message in reversed(there.messages) if message.to == address)


class TestWithoutADevice:
    def test_somebody_is_asked_comes_and_says_that_it_is_done_and_it_is_closed(
            self, there: WebStory, web: httpx.Client) -> None:
        ticket = reported(there)
        page = there.follow(ticket)
        assert (ticket.state, ticket.device_id, ticket.subject, ticket.opened_by, ticket.cover) == (
            TicketState.OFFERED, None, "heating", "agent Dana", Cover.UNKNOWN)
        assert f"Heating: thank you for telling us, we are on it ({ticket.id})" in there.told_to("alice@example.com")
        said = text_to(there, "alice@example.com")
        assert "You told us about Alice's house: No hot water since this morning." in said
        assert "We are sending somebody" in said
        assert "noticed" not in said + read(web.get(page))
        assert "No hot water since this morning" in read(web.get(there.offer(ticket)))

        there.accept()
        there.wait(1)
        assert "your heating (No hot water since this morning)" in text_to(there, "alice@example.com")
        visit = there.visit(ticket)
        assert "No hot water since this morning" in read(web.get(visit))
        come_and_finish(there, ticket)
        ticket = there.again(ticket)
        assert (ticket.state, ticket.unproven, ticket.resolution) == (TicketState.RESOLVED, False, "New thermostat")
        assert f"Heating: said to be done ({ticket.id})" in there.told_to("alice@example.com")
        assert "Karin Kunz says that the work on your heating is done. You told us" in text_to(
            there, "alice@example.com")
        shown = read(web.get(page))
        assert "Karin Kunz says that it is done" in shown
        assert "You told us that something is wrong." in shown
        there.wait(24 * 60)
        assert there.again(ticket).state is TicketState.CLOSED
        assert there.heard(ALICE) == ["fault_found", "technician_assigned", "on_the_way", "resolved"]

    def test_the_next_technician_reads_what_the_last_one_did(self, there: WebStory, web: httpx.Client) -> None:
        ticket = reported(there)
        there.accept()
        come_and_finish(there, ticket, "Bled the radiators")
        there.wait(24 * 60)
        ticket = reported(there)
        there.accept()
        assert "Bled the radiators" in read(web.get(there.visit(ticket)))

    def test_a_second_report_joins_and_whoever_comes_hears_what_is_new(self, there: WebStory) -> None:
        ticket = reported(there)
        there.accept()
        there.wait(1)
        there.act(COLD, "agent Emil")  # in the same words: nothing is new
        there.wait(1)
        assert "fault_added" not in there.heard(KUNZ)
        there.act(replace(COLD, cause="The radiators are cold too"), "agent Emil")
        there.wait(1)
        assert there.heard(KUNZ)[-1] == "fault_added"
        assert "The customer has told us more (heating): The radiators are cold too." in text_to(
            there, "office@kunz.example")
        assert there.again(ticket).reported == ["No hot water since this morning", "The radiators are cold too"]
        assert [row.id for row in there.tickets] == [ticket.id]
        assert [line for line in there.timeline(ticket.id) if "eported" in line] == [
            "Reported: No hot water since this morning (a baby is there)",
            "Reported again: No hot water since this morning (a baby is there)",
            "Reported again: The radiators are cold too (a baby is there)"]

    def test_it_is_more_serious_than_it_was(self, there: WebStory) -> None:
        ticket = reported(there, replace(COLD, severity=Severity.MINOR))
        there.accept()
        there.wait(1)
        there.act(replace(COLD, severity=Severity.CRITICAL), "agent Emil")
        there.wait(1)
        assert there.again(ticket).severity is Severity.CRITICAL
        assert there.heard(KUNZ)[-1] == "worse"

    def test_reported_again_after_it_was_resolved_it_goes_on(self, there: WebStory) -> None:
        ticket = reported(there)
        there.act(ResolveTicket(ticket.id, "Reset by phone"))
        there.wait(5)
        again = reported(there, replace(COLD, cause="Cold again"))
        assert (again.id, again.round, again.state) == (ticket.id, 2, TicketState.OFFERED)
        assert "Reported again, so it is open again: Cold again (a baby is there)" in there.timeline(ticket.id)
        assert "You told us about Alice's house: Cold again." in text_to(there, "alice@example.com")

    def test_two_skills_are_two_tickets_and_one_trip_if_one_firm_can_do_both(self, there: WebStory) -> None:
        electrical, heating = reported(there, replace(COLD, skill="electrical", cause="No light")), reported(there)
        assert heating.id != electrical.id
        [job] = [job for job in there.all(Job) if job.closed_at is None]
        assert set(job.skills) == {"heating", "electrical"}
        assert there.heard(ALICE) == ["fault_found", "fault_found"]  # each is answered

    def test_nobody_can_come_and_a_dispatcher_is_paged(self, there: WebStory) -> None:
        ticket = reported(there, replace(COLD, site_id="charlie-home", skill="gas", cause="It smells of gas"))
        assert ticket.state is TicketState.NEW
        page = there.one(OnCallPage)
        assert (page.subject_id, page.reasons) == (ticket.id, [PageReason.NOBODY_LEFT])
        assert "gas supply, It smells of gas" in text_to(there, "desk@example.com")

    def test_explained_it_says_who_said_so(self, there: WebStory) -> None:
        ticket = reported(there)
        assert there.explained(ticket.id, "what")[0] == (
            "No hot water since this morning: no device, but what needs heating, at Alice's house")
        assert there.explained(ticket.id, "why") == [
            "Reported by agent Dana on Mon 23 Nov 13:00:00: No hot water since this morning (a baby is there)",
            "It stays open until a person says that it is done: no device can"]

    def test_unfinished_the_household_hears_what_comes_next(self, there: WebStory) -> None:
        ticket = reported(there)
        there.accept()
        come_and_finish(there, ticket, "A valve is broken", outcome=VisitOutcome.INCOMPLETE,
                        reason=IncompleteReason.PART_MISSING, parts=("valve",), expected_at=there.now + 20 * HOUR)
        assert there.again(ticket).state is TicketState.ON_HOLD
        assert "knows what is wrong with your heating" in text_to(there, "alice@example.com")


class TestOfADevice:
    def test_a_report_opens_its_ticket_without_an_alarm(self, there: WebStory) -> None:
        ticket = reported(there, NOISE)
        assert (ticket.device_id, ticket.subject, ticket.state) == ("alice-pump", None, TicketState.OFFERED)
        assert there.alarms == []
        there.accept()
        come_and_finish(there, ticket)
        ticket = there.again(ticket)
        assert (ticket.state, ticket.unproven) == (TicketState.RESOLVED, False)
        there.wait(24 * 60)
        assert there.again(ticket).state is TicketState.CLOSED

    def test_a_later_alarm_joins_and_its_end_does_not_end_what_was_reported(self, there: WebStory) -> None:
        ticket = reported(there, NOISE)
        there.says("alice-pump", flow_temp=80.0)
        there.wait(1)
        assert [row.id for row in there.tickets] == [ticket.id]
        assert there.again(ticket).severity is Severity.CRITICAL
        assert there.last_told(ALICE, "worse").facts["also"] == [{"en": "The pump rattles"}]
        there.says("alice-pump", flow_temp=50.0)
        there.wait(1)
        assert there.again(ticket).state is TicketState.OFFERED
        there.accept()
        there.says("alice-pump", flow_temp=80.0)
        there.says("alice-pump", flow_temp=50.0)
        there.wait(1)
        assert "works_again" not in there.heard(ALICE)  # they said themselves that somebody shall come

    def test_a_report_joins_the_ticket_of_an_alarm_and_stays_when_that_is_over(
            self, there: WebStory, web: httpx.Client) -> None:
        there.says("alice-pump", flow_temp=80.0)
        there.wait(1)
        ticket = there.ticket
        there.act(NOISE)
        there.says("alice-pump", flow_temp=50.0)
        there.wait(1)
        ticket = there.again(ticket)
        assert (ticket.state, ticket.reported, ticket.opened_by) == (TicketState.OFFERED, ["The pump rattles"], None)
        assert "The customer says: The pump rattles" in read(web.get(there.offer(ticket)))

    def test_an_alarm_soon_after_it_was_done_opens_the_same_ticket_again(self, there: WebStory) -> None:
        ticket = reported(there, NOISE)
        there.accept()
        come_and_finish(there, ticket)
        there.says("alice-pump", flow_temp=80.0)
        there.wait(1)
        assert [(row.id, row.round) for row in there.tickets] == [(ticket.id, 2)]
        assert "You told us" not in text_to(there, "alice@example.com")

    def test_the_customer_is_asked_about_the_price_in_their_words(self, there: WebStory, web: httpx.Client) -> None:
        there.change(there.one(Device, Device.id == "alice-pump"), cover=Cover.CALL_OUT_PRICE,
                     call_out_price=Price("95.00", "EUR"))
        ticket = reported(there, NOISE)
        assert (ticket.state, ticket.price_answer) == (TicketState.ON_HOLD, PriceAnswer.ASKED)
        assert there.heard(ALICE) == ["price_question"]
        said = text_to(there, "alice@example.com")
        assert "You told us about Alice's house: The pump rattles." in said
        assert "We are sending somebody" not in said
        there.act(DeclinePrice(ticket.id), "customer Alice Keller")
        there.wait(1)
        assert "still reports" not in text_to(there, "alice@example.com") + read(web.get(there.follow(ticket)))
        again = reported(there, NOISE)  # they have thought better of it
        assert again.id != ticket.id
        there.act(AgreeToPrice(again.id), "customer Alice Keller")
        assert there.again(again).state is TicketState.OFFERED

    def test_it_is_the_same_as_what_was_reported_without_a_device(self, there: WebStory, web: httpx.Client) -> None:
        cold = reported(there)
        there.accept()
        there.wait(1)
        pump = reported(there, NOISE)
        there.act(MergeTickets(cold.id, pump.id))
        assert there.again(cold).merged_into == pump.id
        assert "The customer says: No hot water since this morning" in read(web.get(there.visit(cold)))
        there.act(replace(COLD, cause="Still cold"), "agent Emil")  # the number that carries it on takes it
        assert there.again(pump).reported == ["The pump rattles", "Still cold"]
        there.act(UnmergeTicket(cold.id))
        there.wait(1)
        assert there.again(cold).state in (TicketState.ASSIGNED, TicketState.OFFERED)

    def test_who_comes_for_it_is_not_called_off_because_another_device_of_the_home_works_again(
            self, there: WebStory) -> None:
        cold = reported(there)
        there.says("alice-pump", flow_temp=80.0)  # the same trip
        there.wait(1)
        there.accept()
        there.says("alice-pump", flow_temp=50.0)
        there.wait(1)
        assert "works_again" not in there.heard(ALICE)
        assert there.again(cold).state is TicketState.ASSIGNED
        assert there.one(Visit).done_at is None
