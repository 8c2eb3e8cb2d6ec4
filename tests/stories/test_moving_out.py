"""Moving out and in: what was theirs ends at once, the fault stays, and who comes next hears of it as for the first
time."""

from dataclasses import replace

import pytest

from gateway.config.fleet_file import BadFleet
from gateway.model import (
    DISPATCHER,
    MINUTE,
    Callback,
    Contact,
    Cover,
    Customer,
    Device,
    Link,
    LinkPurpose,
    Notification,
    OnCallPage,
    Person,
    PersonRole,
    PersonSite,
    Price,
    Promise,
    Reason,
    ReasonKind,
    Site,
    TicketState,
    Visit,
    VisitState,
    customer,
    person,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications import signed_links
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store
from gateway.tickets.actions import AgreeToPrice, LeaveSite, MoveIn, OpenCallback
from tests.drivers.story import HOURLY, Story, begin
from tests.drivers.web_driver import WebStory, read, web_story
from tests.fixtures.household import ARBER, move_in
from tests.fixtures.outage_fleet import LEFT, begin_outage_story
from tests.fixtures.web import serve

pytestmark = pytest.mark.slow
HOME = "arber-home"
LANG = """
customers:
  - id: lang
    name: Household Lang
    locale: de
    timezone: Europe/Zurich
    contacts: [{channel: email, address: lang@example.com}]
    people: [{id: lea, name: Lea Lang, role: tenant, phone: "+41790000007"}]
"""


@pytest.fixture
def story(both_stores: Store) -> Story:
    there = begin(both_stores, HOURLY)
    move_in(there)
    move_in(there, LANG)
    return there


def break_pump(story: Story) -> str:
    story.receive("devices/arber-pump/fault", {"code": "E7", "active": True})
    story.wait()
    return story.ticket.id


def everybody_leaves(story: Story) -> None:
    for one in ("erna", "emil"):
        story.act(LeaveSite(HOME, one))


def home(story: Story) -> Site:
    return story.one(Site, Site.id == HOME)


def links(story: Story, *purposes: LinkPurpose) -> list[Link]:
    return [row for row in story.all(Link) if row.revoked_at is None and row.purpose in purposes]


def test_who_has_moved_out_with_a_ticket_open_sees_and_hears_nothing_more_and_the_fault_stays(story: Story) -> None:
    ticket = break_pump(story)
    story.accept()
    story.wait()
    assert len(links(story, LinkPurpose.FOLLOW)) == 1
    everybody_leaves(story)
    assert links(story, LinkPurpose.FOLLOW) == []
    assert len(links(story, LinkPurpose.VISIT)) == 1
    assert story.one(Visit).state is VisitState.PLANNED
    assert (home(story).access, home(story).household_left_at) == ("", story.now)
    assert {row.state for row in story.all(Promise)} == {"kept", "cancelled"}
    assert story.ticket.state is TicketState.ASSIGNED
    story.wait()
    assert "please_look" in story.heard(DISPATCHER)
    page = story.one(OnCallPage)
    assert page.reasons == ["household_left"]
    assert any("The household has moved out" in line for line in story.timeline(ticket))
    told = len(story.heard(customer("arber")))
    story.wait(minutes=300)  # the window ends, nobody has set out, and so on
    assert len(story.heard(customer("arber"))) == told


def test_a_home_that_is_named_after_them_loses_their_name_in_any_script(story: Story) -> None:
    with story.gw.store.write() as session:
        session.get_one(Site, HOME).name = "शर्मा निवास"
        session.get_one(Customer, "arber").name = "मीरा शर्मा"
    everybody_leaves(story)
    assert "शर्मा" not in home(story).name


def test_a_message_that_waits_is_dropped_because_they_have_moved_out(story: Story) -> None:
    story.replies = lambda address: NotSent(False, "the server is busy")
    ticket = break_pump(story)
    everybody_leaves(story)
    story.replies = lambda address: Sent("ok")
    story.wait(minutes=10)
    row = story.one(Notification, Notification.topic == "fault_found")
    assert (row.state, row.reason) == ("dropped", Reason(ReasonKind.MOVED_OUT))
    assert not [one for one in story.messages if "arber" in one.to or one.to == "+41790000001"]
    assert any("they do not live there any more" in line for line in story.explained(ticket))


def test_who_moves_in_hears_of_the_open_fault_as_for_the_first_time_on_a_page_of_their_own(story: Story) -> None:
    ticket = break_pump(story)
    [theirs] = links(story, LinkPurpose.FOLLOW)
    everybody_leaves(story)
    story.wait(minutes=1)
    story.act(MoveIn(HOME, "lang"))
    story.wait()
    assert story.heard(customer("lang")) == ["fault_found"]
    assert story.told_to("lang@example.com")[0].startswith("Heat pump: Störung bemerkt")
    [page] = links(story, LinkPurpose.FOLLOW)
    assert (page.subject_id, page.id != theirs.id) == (ticket, True)
    assert (story.ticket.customer_id, home(story).customer_id) == ("lang", "lang")
    assert (home(story).household_since, home(story).household_left_at) == (story.now, None)
    assert "household_left" not in [reason for row in story.all(OnCallPage, OnCallPage.state != "ended")
                                    for reason in row.reasons]
    assert {row.person_id for row in story.all(PersonSite, PersonSite.site_id == HOME)
            if row.left_at is None} == {"lea"}
    story.receive("devices/arber-pump/fault", {"code": "E7", "active": False})
    story.wait(minutes=1)
    assert story.heard(customer("lang"))[-1] == "resolved"
    assert "resolved" not in story.heard(customer("arber"))


def test_who_moves_in_while_somebody_is_to_come_hears_who_comes(story: Story) -> None:
    break_pump(story)
    story.accept()
    story.wait()
    story.act(MoveIn(HOME, "lang"))
    story.wait()
    assert story.heard(customer("lang")) == ["technician_assigned"]
    assert {row.recipient_id for row in story.all(Promise, Promise.state == "open")} == {"lang"}


def test_a_site_of_another_customer_in_the_file_is_a_household_that_moves_in(story: Story) -> None:
    ticket = break_pump(story)
    file = "\n".join(line for line in ARBER.splitlines() if not line.startswith("customers"))
    sites = file[file.index("sites:"):].replace("customer: arber", "customer: lang")
    move_in(story, f"{LANG}{sites}")
    story.wait()
    assert story.heard(customer("lang")) == ["fault_found"]
    assert {row.id: row.left_at for row in story.all(Person) if row.customer_id == "arber"} == dict.fromkeys(
        ("helga", "erna", "emil", "nina"), story.now)
    assert any("Another household has moved in" in line for line in story.timeline(ticket))
    again = story.now
    story.wait(minutes=1)
    move_in(story, f"{LANG}{sites}")
    assert home(story).household_since == again
    with pytest.raises(BadFleet, match="'erna' has moved out on 2026-11-23"):
        move_in(story)


def test_an_open_callback_ends_and_a_call_for_help_stays_until_a_person_has_seen_to_it(story: Story) -> None:
    story.press("arber-button", "p1")
    ordinary = story.one(Callback)
    everybody_leaves(story)
    assert story.one(Callback).state == "cancelled"
    assert story.timeline(ordinary.id)[-1].startswith("Cancelled")
    assert {row.state for row in story.all(Promise)} == {"cancelled"}
    assert not [due for due in story.due(ordinary.id) if due.at is not None]


def test_of_two_who_live_there_one_leaves_and_nothing_ends_but_their_own_contacts(story: Story) -> None:
    break_pump(story)
    story.act(LeaveSite(HOME, "erna"))
    assert len(links(story, LinkPurpose.FOLLOW)) == 1
    assert (home(story).household_left_at, home(story).access) == (None, "the key lies under the stone")
    erna = story.one(Person, Person.id == "erna")
    assert (erna.left_at, erna.needs, erna.needs_consent_on) == (story.now, [], None)
    assert {(row.owner_id, row.stopped_why) for row in story.all(Contact) if row.owner == person("erna")} == {
        ("erna", "moved out")}
    assert {row.stopped_at for row in story.all(Contact) if row.owner == person("emil")} == {None}
    assert story.all(OnCallPage) == []
    with pytest.raises(NoSuch):
        story.act(LeaveSite(HOME, "erna"))


def test_a_helper_who_leaves_changes_nothing_for_the_household(story: Story) -> None:
    ticket = break_pump(story)
    for one in ("helga", "nina"):
        story.act(LeaveSite(HOME, one))
    assert home(story).household_left_at is None
    assert len(links(story, LinkPurpose.FOLLOW)) == 1
    assert not any("moved out" in line for line in story.timeline(ticket))


def test_who_leaves_one_of_two_homes_is_reached_at_the_other_as_before(story: Story) -> None:
    move_in(story, ARBER.replace("devices:", "  - {id: hut, customer: arber, name: The hut}\ndevices:"))
    everybody_leaves(story)
    assert home(story).household_left_at == story.now
    assert story.one(Person, Person.id == "erna").left_at is None
    assert {row.stopped_at for row in story.all(Contact) if row.owner == person("erna")} == {None}
    assert story.one(Person, Person.id == "erna").needs


def test_a_whole_household_leaves_once_and_nobody_moves_in_where_they_live(story: Story) -> None:
    story.act(LeaveSite(HOME))
    with pytest.raises(Refused, match="nobody_lives_there"):
        story.act(LeaveSite(HOME))
    with pytest.raises(NoSuch):
        story.act(MoveIn(HOME, "nobody"))
    story.act(MoveIn(HOME, "lang"))
    with pytest.raises(Refused, match="lives_there"):
        story.act(MoveIn(HOME, "lang"))
    assert {row.role for row in story.all(Person) if row.left_at is None} == {PersonRole.TENANT}


def test_a_fault_where_nobody_lives_goes_to_a_firm_and_to_a_person(story: Story) -> None:
    everybody_leaves(story)
    break_pump(story)
    assert story.heard(customer("arber")) == []
    assert story.one(OnCallPage).reasons == ["household_left"]
    assert story.notifications("offer")


def test_a_yes_to_a_price_binds_only_who_said_it_and_a_person_asks_the_next(story: Story) -> None:
    with story.gw.store.write() as session:
        device = session.get_one(Device, "arber-pump")
        device.cover, device.call_out_price = Cover.CALL_OUT_PRICE, Price("95.00", "EUR")
    ticket = break_pump(story)
    story.act(AgreeToPrice(ticket))
    story.act(MoveIn(HOME, "lang"))
    assert story.one(OnCallPage).reasons == ["household_left"]
    story.wait()
    [asked] = [one for one in story.messages if one.to == "desk@example.com" and "moved out" in one.text]
    assert "who opens the door and who pays" in asked.text


def test_a_question_about_the_price_goes_to_the_next_household_too(story: Story) -> None:
    with story.gw.store.write() as session:
        device = session.get_one(Device, "arber-pump")
        device.cover, device.call_out_price = Cover.CALL_OUT_PRICE, Price("95.00", "EUR")
    break_pump(story)
    story.act(MoveIn(HOME, "lang"))
    story.wait()
    assert story.heard(customer("lang")) == ["price_question"]


def test_a_call_for_help_stays_open_until_a_person_has_seen_to_it_and_its_page_says_that_nobody_lives_there(
        story: Story) -> None:
    story.gw.profiles["button"] = replace(story.gw.profiles["button"], emergency=True)
    story.press("arber-button", "p1")
    call = story.one(Callback)
    everybody_leaves(story)
    assert story.one(Callback).state == call.state
    assert story.one(OnCallPage).state != "ended"
    assert "The household has moved out" in story.timeline(call.id)[-1]


def test_a_household_that_leaves_a_dark_home_hears_no_more_of_the_outage_and_who_comes_does(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    quarter.lose(*LEFT)
    quarter.live(minutes=3, step=0.5)
    assert len(quarter.told_to("a0@example.com")) == 1
    move_in(quarter, LANG)
    quarter.act(LeaveSite("a0"))
    assert {row.site_id for row in quarter.all(Link) if row.revoked_at is not None} == {"a0"}
    assert quarter.outage.dark == 5, "the home is as dark as before"
    quarter.live(minutes=2)
    quarter.act(MoveIn("a0", "lang"))
    quarter.live(minutes=1)
    [told] = quarter.told_to("lang@example.com")
    assert told.startswith("Vermutlich Stromausfall in Lateral 9a")
    quarter.back(*LEFT)
    quarter.live(minutes=6)
    assert len(quarter.told_to("lang@example.com")) == 2
    assert len(quarter.told_to("a0@example.com")) == 1
    assert len(quarter.told_to("a1@example.com")) == 2


def test_news_of_an_outage_that_waits_is_not_told_to_who_has_left(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    quarter.lose(*LEFT)
    quarter.live(minutes=3, step=0.5)
    quarter.back(*LEFT)
    quarter.act(LeaveSite("a0"))
    quarter.live(minutes=6)
    assert len(quarter.told_to("a0@example.com")) == 1
    dropped = quarter.one(Notification, Notification.topic == "outage_over", Notification.recipient_id == "a0")
    assert dropped.reason == Reason(ReasonKind.MOVED_OUT)


def test_their_page_is_gone_at_once_and_the_next_ones_shows_nothing_from_before(both_stores: Store) -> None:
    there = web_story(both_stores)
    move_in(there)
    move_in(there, LANG.replace("locale: de\n    ", ""))
    ticket = there.break_down("arber-pump")
    theirs = there.follow(ticket)
    with there.client() as web:
        assert "We noticed that something is wrong." in read(web.get(theirs))
        there.act(LeaveSite(HOME))
        assert web.get(theirs).status_code == 404
        there.now += 60 * MINUTE
        there.act(MoveIn(HOME, "lang"))
        assert web.get(theirs).status_code == 404
        [page] = [row for row in links(there, LinkPurpose.FOLLOW) if row.subject_id == ticket.id]
        said = read(web.get(signed_links.url("", there.secret, LinkPurpose.FOLLOW, page.id)))
        assert "We noticed that something is wrong." not in said
        assert "Since 14:0" in said


def test_who_comes_back_hears_again_of_what_is_open_and_once_of_who_comes(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept()
    story.wait()
    for _ in range(2):
        story.act(LeaveSite("alice-home"))
        story.act(MoveIn("alice-home", "alice"))
        story.wait()
    topics = story.heard(customer("alice"))
    assert (topics.count("fault_found"), topics.count("technician_assigned")) == (1, 1)
    assert story.ticket.round == 3


# who is rung


def test_who_moves_in_and_calls_for_help_is_rung_though_the_call_of_those_before_is_still_open(both_stores: Store
                                                                                            ) -> None:
    there = web_story(both_stores)
    move_in(there)
    move_in(there, LANG)
    there.gw.profiles["button"] = replace(there.gw.profiles["button"], emergency=True)
    there.press("arber-button", "p1")
    there.act(MoveIn(HOME, "lang"))
    there.wait(minutes=1)
    assert there.heard(customer("lang")) == []
    there.press("arber-button", "p2")
    there.press("arber-button", "p3")
    there.wait(seconds=1)
    call = there.one(Callback)
    assert (call.presses, call.customer_id) == (3, "lang")
    assert there.heard(customer("lang")) == ["callback_scheduled"]
    assert "Ihr Hilferuf ist angekommen" in read_page(there, call)
    with there.client(there.key()) as api:
        known = api.get(f"/api/v1/callbacks/{call.id}/context").json()
    assert [one["number"] for one in known["ring"]] == ["+41790000007"]
    assert known["for_verified"]["customer"] == "Household Lang"
    assert there.one(OnCallPage).state != "ended"


def read_page(there: WebStory, call: Callback) -> str:
    """What the household that lives there now reads about its call."""
    [page] = [row for row in links(there, LinkPurpose.FOLLOW) if row.subject_id == call.id]
    with there.client() as web:
        return read(web.get(signed_links.url("", there.secret, LinkPurpose.FOLLOW, page.id)))


@pytest.mark.parametrize(("emergency", "next_act"), [(False, "empty"), (True, "no_number_help")])
def test_a_press_where_nobody_lives_shows_no_number_of_those_before(both_stores: Store, emergency: bool, next_act: str
                                                                   ) -> None:
    there = web_story(both_stores)
    move_in(there)
    there.gw.profiles["button"] = replace(there.gw.profiles["button"], emergency=emergency)
    everybody_leaves(there)
    there.wait(minutes=1)
    there.press("arber-button", "p1")
    with there.client(there.key()) as api:
        known = api.get(f"/api/v1/callbacks/{there.one(Callback).id}/context").json()
    assert known["ring"] == []
    assert known["next"]["reason"] == next_act
    assert "moved_out" in [one["reason"] for one in known["ask_first"]]


def test_nobody_is_to_be_rung_where_nobody_lives(story: Story) -> None:
    everybody_leaves(story)
    with pytest.raises(Refused, match="nobody_lives_there"):
        story.act(OpenCallback(HOME, "asks about the invoice"))


def test_who_leaves_one_of_two_dark_homes_reads_of_the_other_on_the_same_page(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    with quarter.gw.store.write() as session:
        session.get_one(Site, "a1").customer_id = "a0"
    quarter.lose(*LEFT)
    quarter.live(minutes=3, step=0.5)
    there = WebStory(**vars(Story(quarter.gw, quarter.now)))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    [link] = [row for row in there.all(Link) if row.site_id in ("a0", "a1")]
    page = signed_links.url("", there.secret, LinkPurpose.FOLLOW, link.id)
    names = {site.id: site.name for site in there.all(Site)}
    with there.client() as web:
        assert names["a0"] in read(web.get(page))
        there.act(LeaveSite(link.site_id))
        left, kept = (link.site_id, "a1" if link.site_id == "a0" else "a0")
        shown = read(web.get(page))
        assert names[left] not in shown
        there.act(LeaveSite(kept))
        assert web.get(page).status_code == 404
    quarter.now = there.now
    quarter.back(*LEFT)
    quarter.live(minutes=6)
    assert len(quarter.told_to("a0@example.com")) == 1
