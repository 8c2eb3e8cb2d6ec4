"""Who is asked to come, in which order, and what follows from the answers: waves, nights, holidays and territories."""

from functools import partial
from typing import Any

import pytest
from sqlmodel import col

from gateway.config.fleet_file import BadFleet
from gateway.config.settings import Offers
from gateway.flow import administer
from gateway.flow.act import act
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Contact,
    DueKind,
    Instant,
    Job,
    Notification,
    Offer,
    Provider,
    RecipientKind,
    Site,
    Visit,
    from_iso,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Store
from gateway.store.contexts.providers import track_records
from gateway.tickets.actions import (
    AcceptOffer,
    Arrive,
    DeclineOffer,
    Depart,
    Finish,
    LeaveOutOffer,
    LeaveOutVisit,
    OfferTo,
)
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord
from tests.drivers.at_once import at_once
from tests.drivers.story import HOURLY, Story, begin

PAGE = "nobody_left please_look"  # what a dispatcher gets
WEEK = {day: [["07:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
NIGHT = from_iso("2026-11-23T23:00:00+01:00")


@pytest.fixture
def story(both_stores: Store) -> Story:
    """Kunz Heating takes emergencies at any hour, Seeblick is always open, Nord keeps office hours; all are asked as
    the settings say when nobody changes them."""
    story = begin(both_stores, HOURLY, offers=Offers())
    with both_stores.write() as session:
        session.add(Provider(id="nord", name="Nord Service", timezone="Europe/Zurich", skills=["heating"],
                             territory={"postcodes": ["8001"]}, hours=WEEK))
        session.add(Contact(id="C-nord", owner_kind=RecipientKind.PROVIDER, owner_id="nord", channel="email",
                            address="office@nord.example"))
    return story


def overheats(story: Story) -> None:
    """Critical."""
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)


def pressure_falls(story: Story) -> None:
    """Minor: it can wait."""
    for _ in range(4):
        story.says("alice-pump", pressure=0.3)
        story.wait(minutes=4)


def pending(story: Story) -> set[str]:
    return {offer.provider_id for offer in story.all(Offer, Offer.state == "pending")}


def answers(story: Story) -> dict[str, str]:
    return {offer.provider_id: offer.state for offer in story.all(Offer)}


def decline(story: Story, firm: str, why: str = "no van") -> None:
    story.act(DeclineOffer(story.one(Offer, Offer.provider_id == firm, Offer.state == "pending").id, why), "provider")


def told(story: Story, topics: str, *facts: str) -> list[tuple[Any, ...]]:
    """(recipient, and these facts) of each message of these kinds, oldest first."""
    rows = sorted(story.all(Notification, col(Notification.topic).in_(topics.split())),
                  key=lambda row: (row.created_at, row.id))
    return [(row.recipient_id or str(row.recipient_kind), *(row.facts.get(name) for name in facts)) for row in rows]


def why(story: Story) -> str:
    return "\n".join(story.explained(story.ticket.id))


def runs(story: Story, row: Any, kind: DueKind) -> Instant | None:
    return next((due.at for due in story.due(row.id) if due.kind is kind), None)


def test_the_first_wave_is_asked_at_once_and_the_first_who_accepts_has_it(story: Story) -> None:
    overheats(story)
    assert pending(story) == {"kunz", "nord", "seeblick"}
    end = story.now - 1000 + 9 * MINUTE
    assert sorted(told(story, "offer", "expires_at")) == [("kunz", end), ("nord", end), ("seeblick", end)]
    story.act(AcceptOffer(story.one(Offer, Offer.provider_id == "nord").id, "Nora"), "provider")
    story.wait(seconds=1)
    assert answers(story) == {"nord": "accepted", "kunz": "withdrawn", "seeblick": "withdrawn"}
    assert sorted(told(story, "offer_taken", "device")) == [("kunz", "Heat pump"), ("seeblick", "Heat pump")]
    assert told(story, "offer_withdrawn") == []
    assert "Kunz Heating was asked on Mon 23 Nov 13:00:00 and was told that another firm was faster" in why(story)
    assert told(story, "technician_assigned", "provider", "technician") == [("alice", "Nord Service", "Nora")]
    assert any("another firm was faster" in message.text.lower() for message in story.messages
               if message.to == "office@kunz.example")


def test_who_comes_too_late_reads_that_another_was_faster(story: Story) -> None:
    overheats(story)
    late = story.one(Offer, Offer.provider_id == "kunz")
    story.act(AcceptOffer(story.one(Offer, Offer.provider_id == "nord").id), "provider")
    with pytest.raises(Refused) as refused:
        story.act(AcceptOffer(late.id), "provider")
    assert refused.value.reason is RefusedReason.ANOTHER_WAS_FASTER


def test_two_firms_accept_in_the_same_millisecond_and_one_of_them_comes(story: Story) -> None:
    overheats(story)
    offers = story.all(Offer)
    results = at_once(*(partial(act, story.gw, AcceptOffer(offer.id, f"of {offer.provider_id}"),
                                Actor(ActorKind.PROVIDER, offer.provider_id), story.now) for offer in offers))
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Refused", "Refused"], results
    assert {result.reason for result in results if isinstance(result, Refused)} == {RefusedReason.ANOTHER_WAS_FASTER}
    visit = story.one(Visit)
    story.wait(seconds=1)
    assert (story.ticket.state, story.ticket.provider_id) == ("assigned", visit.provider_id)
    assert sorted(answers(story).values()) == ["accepted", "withdrawn", "withdrawn"]
    assert len(told(story, "technician_assigned")) == 1
    others = {offer.provider_id for offer in offers} - {visit.provider_id}
    assert {who for (who,) in told(story, "offer_taken")} == others


def test_all_decline_at_night_and_a_third_opens_at_seven_and_lapses(story: Story) -> None:
    story.now = NIGHT
    overheats(story)
    assert pending(story) == {"kunz", "seeblick"}
    decline(story, "kunz", "no van")
    assert story.ticket.state == "offered"
    decline(story, "seeblick", "nobody here")
    story.wait(seconds=1)
    assert story.ticket.state == "new"
    [(whom, device, refused)] = told(story, PAGE, "device", "refused")
    assert (whom, device) == ("dispatcher", "Heat pump")
    assert {one["provider_id"]: one["reason"] for one in refused} == {
        "kunz": "already asked: declined", "nord": "closed until Tue 07:00", "seeblick": "already asked: declined"}
    seven = from_iso("2026-11-24T07:00:00+01:00")
    job = story.one(Job)
    assert runs(story, job, DueKind.ASK_AGAIN) == seven

    story.keep_saying("alice-pump", (seven - story.now) / MINUTE, flow_temp=80.0)
    assert (story.ticket.state, pending(story)) == ("offered", {"nord"})
    assert told(story, "offer", "expires_at")[-1] == ("nord", seven + 9 * MINUTE)

    story.keep_saying("alice-pump", 9, flow_temp=80.0)
    assert (story.ticket.state, answers(story)) == (
        "new", {"kunz": "declined", "seeblick": "declined", "nord": "lapsed"})
    assert runs(story, job, DueKind.ASK_AGAIN) is not None, "it is looked at again whatever happens"
    assert any("nobody could be asked" in line for line in why(story).splitlines())


def test_the_firm_is_on_holiday_and_the_other_one_is_asked(story: Story) -> None:
    with story.gw.store.write() as session:
        kunz, seeblick = session.get_one(Provider, "kunz"), session.get_one(Provider, "seeblick")
        kunz.emergency = False
        kunz.days_off = {"country": "CH", "subdivision": "ZH", "closed": ["2026-12-28/2027-01-02"]}
        seeblick.days_off = {"country": "CH", "subdivision": "ZH"}
        session.get_one(Provider, "nord").territory = {}
        session.add_all((kunz, seeblick))
    story.now = from_iso("2026-12-24T23:50:00+01:00")
    pressure_falls(story)
    assert story.all(Offer) == [], "on Christmas Eve after midnight both have a day off"
    assert told(story, PAGE) == []  # a lesser fault waits quietly
    sunday = from_iso("2026-12-27T00:00:00+01:00")
    assert runs(story, story.one(Job), DueKind.ASK_AGAIN) == sunday, "St Stephen's Day is one too in Zurich"
    assert "not Kunz Heating: day off, closed until Mon 04.01.2027 07:00" in why(story).replace("… ", "")
    while story.now < sunday:
        assert story.all(Offer) == []
        story.now = min(story.now + 6 * HOUR, sunday)
        story.says("alice-pump", pressure=0.3)
        story.wait(minutes=0)
    assert pending(story) == {"seeblick"}


def test_a_site_outside_every_territory_is_a_persons_from_the_first_minute(story: Story) -> None:
    with story.gw.store.write() as session:
        for firm in ("kunz", "nord", "seeblick"):
            session.get_one(Provider, firm).territory = {"postcodes": ["9*"]}
    overheats(story)
    assert story.all(Offer) == []
    assert story.ticket.state == "new"
    [(whom, device)] = told(story, PAGE, "device")
    assert (whom, device) == ("dispatcher", "Heat pump")
    assert told(story, "fault_found", "device") == [("alice", "Heat pump")]
    assert "not Kunz Heating, Nord Service and Seeblick Service: does not cover postcode 8001" in why(story)
    again = runs(story, story.one(Job), DueKind.ASK_AGAIN)
    assert again is not None
    assert story.now < again <= story.now + HOUR

    with story.gw.store.write() as session:  # somebody widens a territory: that is seen without another word
        session.get_one(Provider, "nord").territory = {"postcodes": ["80*"]}
    story.keep_saying("alice-pump", 30, flow_temp=80.0)
    assert "nord" in answers(story)


def test_a_lesser_fault_asks_three_and_counts_their_working_time(story: Story) -> None:
    with story.gw.store.write() as session:
        session.get_one(Provider, "kunz").quiet_from = "15:00"
        session.get_one(Provider, "kunz").quiet_until = "07:30"
    story.now = from_iso("2026-11-23T16:40:00+01:00")
    pressure_falls(story)
    opened = story.ticket.opened_at
    ends = dict(told(story, "offer", "expires_at"))
    assert set(ends) == {"nord", "seeblick"}, "Kunz wants to be asked about urgent work only"
    assert ends["nord"] > from_iso("2026-11-24T07:30:00+01:00"), "what is left of its hour lies in the morning"
    assert ends["seeblick"] - opened < 90 * MINUTE
    assert "Kunz Heating: wants to be asked about urgent work only until Tue 07:30" in why(story)
    assert story.one(Site, Site.id == "alice-home").postcode == "8001"


def remove(story: Story, firm: str, hand_over: bool = False) -> None:
    with story.gw.store.write() as session:
        administer.remove_provider(session, firm, story.gw.policy, hand_over, Actor(ActorKind.OPERATOR), story.now)


def test_a_firm_that_leaves_with_a_visit_open_is_refused_with_the_list_or_hands_it_over(story: Story) -> None:
    overheats(story)
    story.act(AcceptOffer(story.one(Offer, Offer.provider_id == "nord").id, "Nora"), "provider")
    story.wait(seconds=1)
    visit = story.one(Visit)
    with pytest.raises(BadFleet) as refused:
        remove(story, "nord")
    assert refused.value.errors == [
        f"visit {visit.id} at Alice's house (ticket {story.ticket.id}) is planned — expected --hand-over, which asks "
        "others and tells the customers"]
    assert story.one(Provider, Provider.id == "nord").removed_at is None, "nothing has changed"

    remove(story, "nord", hand_over=True)
    story.wait(seconds=1)
    assert story.ticket.state == "offered"
    assert pending(story) == {"kunz", "seeblick"}
    assert [who for who, *_ in told(story, "visit_called_off")] == ["alice"]
    with pytest.raises(Refused) as asked:
        story.act(OfferTo(story.ticket.id, "nord"))
    assert asked.value.reason is RefusedReason.PROVIDER_REMOVED


def test_a_firm_that_leaves_while_it_is_asked_is_asked_no_longer(story: Story) -> None:
    overheats(story)
    remove(story, "nord")
    story.wait(seconds=1)
    assert pending(story) == {"kunz", "seeblick"}
    assert told(story, "offer_withdrawn", "device") == [("nord", "Heat pump")]
    with pytest.raises(BadFleet, match="no such provider"):
        remove(story, "sued")


def record(story: Story, firm: str) -> TrackRecord:
    """As of the last full hour."""
    with story.gw.store.read() as session:
        return track_records(session, story.now).get(firm, NO_RECORD)


def test_a_firms_record_grows_with_what_it_does_and_an_operator_may_leave_a_thing_out(story: Story) -> None:
    overheats(story)
    decline(story, "kunz")
    story.act(AcceptOffer(story.one(Offer, Offer.provider_id == "nord").id, "Nora"), "provider")
    visit = story.one(Visit)
    story.act(Depart(visit.id), "technician")
    story.act(Arrive(visit.id), "technician")
    story.says("alice-pump", flow_temp=50.0)
    story.act(Finish(visit.id, "valve replaced"), "technician")
    assert record(story, "nord") == NO_RECORD, "it is counted by full hours"
    story.now += HOUR
    assert record(story, "nord") == TrackRecord(asked=1, accepted=1, arrivals=1, on_time=1, visits=1, fixed=1)
    assert record(story, "kunz") == TrackRecord(asked=1)
    assert record(story, "seeblick") == NO_RECORD, "its offer was taken back: nobody knows what it would have said"

    declined = story.one(Offer, Offer.provider_id == "kunz")
    story.act(LeaveOutOffer(declined.id, "their van was at ours"))
    story.act(LeaveOutVisit(visit.id, "only a test"))
    story.now += HOUR
    assert record(story, "kunz") == NO_RECORD
    assert record(story, "nord") == TrackRecord(asked=1, accepted=1)
    assert "does not count in their track record: their van was at ours (agent Anna)" in why(story)
    assert any("Does not count in the track record of Nord Service: only a test" in line
               for line in story.timeline(story.ticket.id))
