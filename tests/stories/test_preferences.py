"""What people choose to be told, when and where: on their own page, by one click, and what comes of it at night."""

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import select

from gateway.flow.housekeeping import forget
from gateway.flow.people import add_contact
from gateway.model import (
    DAY,
    Actor,
    ActorKind,
    Attempt,
    Audit,
    ConsentSource,
    Contact,
    ContactCheck,
    Entry,
    EntryKind,
    Link,
    LinkPurpose,
    Notification,
    NotificationState,
    Preference,
    ReasonKind,
    SubjectKind,
    Ticket,
    from_iso,
)
from gateway.notifications import signed_links
from gateway.notifications.channels import NotSent, Outcome
from gateway.notifications.messages import Message
from gateway.notifications.preferences.links import preferences_token
from gateway.store import Store
from gateway.tickets.actions import LeaveSite
from tests.drivers.delivery_driver import delivery_driver
from tests.drivers.web_driver import WebStory, console_story, read, web_story
from tests.fixtures import servers
from tests.fixtures.household import move_in

TOWN_WITHOUT_IT = """
customers:
  - {id: alice, name: Alice Keller, timezone: Europe/Zurich, contacts: [{channel: email, address: alice@example.com}]}
"""
ALL = ["faults", "visits", "surveys", "maintenance"]
KEPT = {"act": "choose", "amount": "everything", "digest_at": "18:00", "groups": ALL, "quiet": "household"}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def page_of(there: WebStory, contact: Contact) -> str:
    choice = next(iter(there.all(Preference, Preference.owner_id == contact.owner_id)), None)
    return f"/m/{preferences_token(there.secret, contact, choice)}"


def alices(there: WebStory) -> str:
    return page_of(there, there.one(Contact, Contact.owner_id == "alice", Contact.channel == "email"))


def leak(there: WebStory, device: str = "alice-pump") -> Ticket:
    """A fault that is no danger: the water pressure is low."""
    there.says(device, pressure=0.2)
    there.keep_saying(device, 11, pressure=0.2)
    return there.one(Ticket, Ticket.device_id == device)


def told(there: WebStory, topic: str = "fault_found") -> Notification:
    there.wait(seconds=5)
    return there.notifications(topic)[-1]


# --- the page

def test_each_message_leads_to_the_page_of_whoever_reads_it(there: WebStory, web: httpx.Client) -> None:
    leak(there)
    there.wait(seconds=5)
    found = re.search(r"Change what we send you:\s+\S+?(/m/\S+)", there.messages[-1].text)
    assert found is not None
    assert found[1] == alices(there)
    page = web.get(found[1])
    assert "What we send you, Alice" in read(page)
    assert "alice@example.com" not in page.text
    assert "a…@example.com" in read(page)


def test_what_somebody_chose_stays_and_is_written_down(there: WebStory, web: httpx.Client) -> None:
    page = alices(there)
    answer = web.post(page, data=KEPT | {"amount": "now", "groups": ["faults"], "locale": "de", "quiet": "own",
                                         "quiet_from": "20:30", "quiet_until": "09:00", "timezone": "Europe/Lisbon"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?said=saved")
    said = web.get(answer.headers["location"])
    assert "Gespeichert" in read(said)
    row = there.one(Preference)
    assert (row.amount, row.locale, row.timezone, row.quiet_from) == ("now", "de", "Europe/Lisbon", "20:30")
    assert row.muted == ["visits", "surveys", "maintenance"]
    assert [one.kind for one in there.all(Entry, Entry.subject_id == "alice")] == [EntryKind.PREFERENCES_CHANGED]
    assert [one.action for one in there.all(Audit)] == ["change_preferences"]
    assert web.post(page, data=KEPT | {"amount": "now", "groups": ["faults"], "locale": "de", "quiet": "own",
                                       "quiet_from": "20:30", "quiet_until": "09:00", "timezone": "Europe/Lisbon"}
                    ).status_code == 303
    assert len(there.all(Audit)) == 1  # the same again changes nothing


@pytest.mark.parametrize(("field", "value", "why"), [
    ("timezone", "Mars/Olympus", "We do not know this time zone"),
    ("timezone", "x" * 60_000, "We do not know this time zone"),
    ("timezone", "../../etc/passwd", "We do not know this time zone"),
    ("quiet_from", "25:00", "Please give a time of day"),
    ("digest_at", "six", "Please give a time of day"),
    ("amount", "nothing", "Please choose one of these"),
    ("quiet", "", "Please choose one of these"),
    ("locale", "tlh", "We cannot write in this language yet"),
])
def test_what_makes_no_sense_is_refused_at_its_field_and_the_rest_is_kept(
        there: WebStory, web: httpx.Client, field: str, value: str, why: str) -> None:
    form = KEPT | {"quiet": "own", "quiet_from": "20:30", "quiet_until": "09:15", field: value}
    answer = web.post(alices(there), data=form)
    assert why in read(answer, 422)
    assert f'href="#{field}"' in answer.text
    assert 'value="09:15"' in answer.text
    assert len(answer.text) < 40_000
    assert there.all(Preference) == []


def test_quiet_hours_that_end_when_they_begin_are_none_and_the_page_says_so(there: WebStory, web: httpx.Client) -> None:
    page = alices(there)
    answer = web.post(page, data=KEPT | {"quiet": "own", "quiet_from": "22:00", "quiet_until": "22:00"})
    assert "Quiet hours that end when they begin are none" in read(web.get(answer.headers["location"]))
    row = there.one(Preference)
    assert (row.own_quiet, row.quiet_from) == (True, None)


def test_a_body_of_100_kb_is_refused(there: WebStory, web: httpx.Client) -> None:
    assert web.post(alices(there), data=KEPT | {"timezone": "x" * 100_000}).status_code == 413


def test_nobody_touches_what_is_not_theirs(there: WebStory, web: httpx.Client) -> None:
    bobs = there.all(Contact, Contact.owner_id == "bob")[0]
    answer = web.post(alices(there), data={"act": "stop_contact", "contact": bobs.id})
    assert answer.status_code == 409
    assert there.again(bobs).stopped_at is None
    assert web.get("/m/C-0000.0.forged").status_code == 404
    assert web.post(alices(there), data={"act": "become_root"}).status_code == 404


def test_links_that_were_passed_on_can_be_ended(there: WebStory, web: httpx.Client) -> None:
    page = alices(there)
    assert "have ended" in read(web.post(page, data={"act": "end"}))
    assert web.get(page).status_code == 404
    assert web.get(alices(there)).status_code == 200


def test_the_link_is_over_for_who_has_moved_out(there: WebStory, web: httpx.Client) -> None:
    move_in(there)
    emil = page_of(there, there.one(Contact, Contact.owner_id == "emil"))
    assert "Was wir Ihnen schicken, Emil Arber" in read(web.get(emil))
    assert web.post(emil, data=KEPT | {"amount": "now"}).status_code == 303
    there.act(LeaveSite("arber-home", "emil"))
    assert web.get(emil).status_code == 404
    assert (there.one(Preference).amount, there.one(Preference).link_number) == ("everything", 1)  # nothing is kept


# --- what comes of it

def test_what_is_muted_is_not_sent_and_says_why(there: WebStory, web: httpx.Client) -> None:
    web.post(alices(there), data=KEPT | {"groups": ["visits"]})
    ticket = leak(there)
    row = told(there)
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.DROPPED, ReasonKind.MUTED)
    assert there.told_to("alice@example.com") == []
    assert any("they want no messages about faults and power cuts" in line for line in there.explained(ticket.id))


def test_danger_passes_a_stop(there: WebStory, web: httpx.Client) -> None:
    assert web.post(alices(there), data={"act": "stop"}).status_code == 303
    assert "You have stopped all messages" in read(web.get(alices(there)))
    leak(there)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    there.wait(seconds=5)
    assert there.told_to("alice@example.com") != []
    assert web.post(alices(there), data={"act": "resume"}).status_code == 303
    assert there.one(Preference).stopped_at is None


def test_opted_out_between_queued_and_sent(there: WebStory, web: httpx.Client) -> None:
    there.now = from_iso("2026-11-23T23:00:00+01:00")
    there.listen()
    leak(there)
    assert told(there).state is NotificationState.HELD
    web.post(alices(there), data={"act": "stop"})
    there.wait(minutes=9 * 60)
    row = there.notifications("fault_found")[-1]
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.DROPPED, ReasonKind.STOPPED)


def test_the_order_of_their_contacts_is_theirs(there: WebStory, web: httpx.Client) -> None:
    contacts = [one for one in there.all(Contact, Contact.owner_id == "alice") if one.channel in there.gw.channels]
    last = max(contacts, key=lambda one: one.position)
    assert last.channel != "email"
    for _ in contacts:
        assert web.post(alices(there), data={"act": "up", "contact": last.id}).status_code == 303
    leak(there)
    there.wait(seconds=5)
    assert there.told_to(last.address) != []
    assert there.told_to("alice@example.com") == []


def test_two_of_one_household_read_their_own_language_and_one_stops_for_themselves(
        there: WebStory, web: httpx.Client) -> None:
    move_in(there)
    household = there.one(Contact, Contact.owner_id == "arber", Contact.channel == "email")
    erna = there.one(Contact, Contact.owner_id == "erna", Contact.channel == "sms")
    web.post(page_of(there, household), data={"act": "stop"})
    web.post(page_of(there, erna), data=KEPT | {"groups": []})
    leak(there, "arber-pump")
    there.wait(seconds=5)
    assert there.told_to("arber@example.com") == []
    assert there.told_to(erna.address) == []
    [subject] = there.told_to("emil@example.com")
    assert "Wasserdruck" in subject or any("Wasserdruck" in one.text for one in there.messages
                                           if one.subject == subject)


# --- the message of the day

def once_a_day(there: WebStory, web: httpx.Client, at: str = "18:00") -> None:
    assert web.post(alices(there), data=KEPT | {"amount": "digest", "digest_at": at}).status_code == 303


def test_who_wants_one_message_a_day_gets_one_with_what_is_still_true(there: WebStory, web: httpx.Client) -> None:
    once_a_day(there, web)
    ticket = leak(there)
    row = told(there)
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.HELD, ReasonKind.ONCE_A_DAY)
    assert there.told_to("alice@example.com") == []
    day = there.one(Notification, Notification.topic == "daily")
    assert day.due_at == from_iso("2026-11-23T18:00:00+01:00")
    assert row.list_id == day.id
    there.now = day.due_at
    there.wait(seconds=5)
    [subject] = [one for one in there.told_to("alice@example.com") if "Today from us" in one]
    assert subject == "Today from us (alice): 1 thing"
    text = next(one.text for one in there.messages if one.subject == subject)
    assert ticket.id in text
    assert there.again(row).state is NotificationState.SENT
    assert any("was told “fault found” by email" in line for line in there.explained(ticket.id))


def test_what_is_over_by_then_is_not_in_it_and_an_empty_one_does_not_go(there: WebStory, web: httpx.Client) -> None:
    once_a_day(there, web)
    leak(there)
    row = told(there)
    there.keep_saying("alice-pump", 90, pressure=1.5)
    there.now = from_iso("2026-11-23T18:00:00+01:00")
    there.wait(minutes=70)
    day = there.notifications("daily")[0]
    assert (day.state, day.reason and day.reason.kind) == (
        NotificationState.DROPPED, ReasonKind.NOTHING_LEFT_TODAY)
    assert there.again(row).state is NotificationState.DROPPED


def test_danger_does_not_wait_for_the_message_of_the_day(there: WebStory, web: httpx.Client) -> None:
    once_a_day(there, web)
    there.break_down()
    there.wait(seconds=5)
    assert there.told_to("alice@example.com") != []


# --- one click

def test_one_click_ends_a_group_and_looking_at_it_does_not(there: WebStory, web: httpx.Client) -> None:
    page = f"{alices(there)}/stop/surveys"
    assert "No more messages about surveys and credits?" in read(web.get(page))
    assert there.all(Preference) == []
    for _ in range(2):
        answer = web.post(page, content=b"List-Unsubscribe=One-Click",
                          headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 200
        assert "You get no more messages about surveys and credits" in read(answer)
    assert there.one(Preference).muted == ["surveys"]
    assert len(there.all(Audit)) == 1
    assert web.post(f"{alices(there)}/stop/callbacks").status_code == 404
    assert web.post(f"{alices(there)}/stop/all").status_code == 200
    assert there.one(Preference).stopped_at == there.now


def test_a_mail_says_how_to_end_such_mails_in_one_line_that_programs_find(
        store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> None:
    office = delivery_driver(store, smtp_server, webhook_server)
    office.tell("fault_found", "1")
    office.deliver()
    raw = smtp_server.mails[0].raw
    [header] = re.findall(rb"(?m)^List-Unsubscribe: <(\S+)>\r?$", raw)
    assert re.fullmatch(rb"http://127.0.0.1:8080/m/C-[\w-]+\.0\.[\w-]{27}/stop/faults", header)
    assert len(header) > 78  # as long as what Python 3.11 would encode
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    office.tell("price_declined", "1")
    office.deliver()
    assert b"List-Unsubscribe" not in smtp_server.mails[-1].raw  # an answer that they wait for
    assert len(smtp_server.mails) == 2


def test_the_households_page_leads_to_what_is_the_households_and_to_nothing_of_one_person(
        there: WebStory, web: httpx.Client) -> None:
    def page(customer_id: str) -> httpx.Response:
        row = Link(id=f"L-{customer_id}", purpose=LinkPurpose.HOUSEHOLD, subject_kind=SubjectKind.CUSTOMER,
                   subject_id=customer_id, created_at=there.now, expires_at=there.now + DAY)
        there.add(row)
        return web.get(f"/h/{signed_links.sign(there.secret, LinkPurpose.HOUSEHOLD, row.id)}")

    move_in(there)
    assert page("alice").text.count(alices(there)) == 1
    shared = page("arber").text
    [found] = re.findall(r'href="(/m/[^"]+)"', shared)
    assert "What we send you, Household Arber" in read(web.get(found))


# --- a contact that does not work any more

def test_who_is_told_that_an_address_is_gone_and_who_has_it_used_again(there: WebStory, web: httpx.Client) -> None:
    mails = there.gw.channels["email"]

    def refusing(address: str, message: Message, ref: str) -> Outcome:
        if address in ("alice@example.com", "arber@example.com"):
            return NotSent(True, "no such box", gone=True)
        return mails.send(address, message, ref)

    there.gw.channels["email"] = mails._replace(send=refusing)
    move_in(there)
    leak(there)
    there.wait(seconds=5)
    mail = there.one(Contact, Contact.owner_id == "alice", Contact.channel == "email")
    assert mail.stopped_why == "no such box"
    other = next(one for one in there.all(Contact, Contact.owner_id == "alice") if one.channel == "sms")
    assert "We cannot reach you at a…@example.com any more (alice)" in there.told_to(other.address)
    leak(there, "arber-pump")
    there.wait(seconds=5)
    assert there.notifications("contact_gone")[-1].recipient_id == "alice"  # the Arbers themselves have no other one
    assert there.told_to("desk@example.com") == []
    there.wait(minutes=60)
    lists = [one for one in there.messages if one.to == "desk@example.com" and "not work any more" in one.subject]
    assert len(lists) == 1
    assert "1. Alice Keller" in lists[0].text
    assert "Household Arber" in lists[0].text
    assert "email: no such box" in lists[0].text
    assert "Does it work again?" in read(web.get(alices(there)))
    assert web.post(alices(there), data={"act": "use_contact", "contact": mail.id}).status_code == 303
    assert there.again(mail).stopped_at is None


def test_the_console_says_from_whom_each_contact_is(both_stores: Store) -> None:
    with console_story(both_stores) as there:
        move_in(there)
        add_contact(there.gw, "emil", "sms", "+41790000009", Actor(ActorKind.AGENT, "Dana Meier"), there.now)
        said = read(there.console("agent").get("/console/customers/arber"))
    assert "from the fleet file" in said
    assert "entered by Dana Meier" in said
    by_hand = there.one(Contact, Contact.address == "+41790000009")
    assert (by_hand.consent_by, by_hand.consent_at) == (ConsentSource.AGENT, there.now)
    imported = there.one(Contact, Contact.owner_id == "emil", Contact.channel == "email")
    assert (imported.consent_by, imported.consent_at) == (ConsentSource.IMPORTED, there.now)


# --- a contact that they type themselves

NEW = {"act": "ask_code", "channel": "email", "address": "alice@work.example"}


def code_in(there: WebStory, address: str) -> str:
    there.wait(seconds=1)
    found = re.search(r"Your code is (\d{6})", [one for one in there.messages if one.to == address][-1].text)
    assert found is not None
    return found[1]


def test_a_contact_that_they_typed_is_used_once_they_have_typed_its_code(there: WebStory, web: httpx.Client) -> None:
    page = alices(there)
    answer = web.post(page, data=NEW)
    assert "a code arrives there in a moment" in read(web.get(answer.headers["location"]))
    code = code_in(there, "alice@work.example")
    letter = there.messages[-1]
    assert not re.search("Alice|alice(?!@work)|/m/", letter.subject + letter.text)  # it may be anybody's
    contact = there.one(Contact, Contact.address == "alice@work.example")
    assert contact.stopped_at is not None
    assert web.get(page_of(there, contact)).status_code == 404
    assert "alice@work.example" not in web.get(page).text
    with there.gw.store.read() as session:
        assert code not in str(session.exec(select(Notification.facts)).all())
        assert code not in str(session.exec(select(Attempt.said)).all())  # it is kept nowhere
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert "That is not the code" in read(web.post(page, data={"act": "enter_code", "code": wrong}), 422)
    assert web.post(page, data={"act": "enter_code", "code": f" {code} "}).status_code == 303
    contact = there.again(contact)
    assert (contact.stopped_at, contact.consent_by, contact.consent_at) == (None, ConsentSource.THEMSELVES, there.now)
    assert "We wait for no code now" in read(web.post(page, data={"act": "enter_code", "code": code}), 422)
    web.post(page, data={"act": "up", "contact": contact.id})
    web.post(page, data={"act": "up", "contact": contact.id})
    ticket = leak(there)
    assert any("they themselves gave us that contact on" in line for line in there.explained(ticket.id))
    move_in(there, TOWN_WITHOUT_IT)  # the next import of a file that does not name it
    assert there.again(contact).stopped_at is None


def test_a_code_counts_for_ten_minutes_and_five_tries(there: WebStory, web: httpx.Client) -> None:
    page = alices(there)
    web.post(page, data=NEW)
    code = code_in(there, "alice@work.example")
    for _ in range(5):
        assert web.post(page, data={"act": "enter_code", "code": "abc"}).status_code == 422
    assert "We wait for no code now" in read(web.post(page, data={"act": "enter_code", "code": code}), 422)
    assert "less than a minute ago" in read(web.post(page, data=NEW), 422)
    there.wait(minutes=1)
    assert web.post(page, data=NEW).status_code == 303
    code = code_in(there, "alice@work.example")
    there.wait(minutes=10)
    assert "We wait for no code now" in read(web.post(page, data={"act": "enter_code", "code": code}), 422)
    assert there.one(Contact, Contact.address == "alice@work.example").stopped_at is not None
    there.now += 3 * DAY
    forget(there.gw, there.now)
    assert there.all(Contact, Contact.address == "alice@work.example") == []
    assert there.all(ContactCheck) == []


def test_nobody_learns_whose_an_address_is_and_nobody_is_flooded(there: WebStory, web: httpx.Client) -> None:
    bobs = page_of(there, there.all(Contact, Contact.owner_id == "bob")[0])
    mine = alices(there)
    answers = set()
    for page in (mine, bobs, mine, bobs):
        answers.add(web.post(page, data=NEW | {"address": "charlie@example.com"}).headers["location"].split("?")[1])
        there.wait(minutes=2)
    assert answers == {"said=code_sent"}
    assert len([one for one in there.told_to("charlie@example.com") if "ode is" in one]) == 3  # a day, to one address
    for number in range(3):
        assert web.post(mine, data=NEW | {"address": f"a{number}@example.com"}).status_code == 303
        there.wait(minutes=2)
    assert "as many codes today" in read(web.post(mine, data=NEW), 422)


@pytest.mark.parametrize(("channel", "address", "why"), [
    ("sms", "+41 900 123 456", "numbers that cost extra are not possible"),
    ("sms", "12", "We cannot write to this number"),
    ("email", "nobody", "We cannot write to this address"),
    ("email", "", "We cannot write to this address"),
    ("email", "x" * 50_000, "We cannot write to this address"),
    ("webhook", "http://127.0.0.1/", "Please choose one of these"),
    ("phone", "+41 44 668 18 00", "Please choose one of these"),
])
def test_what_nobody_can_be_reached_at_is_refused_at_its_field(
        there: WebStory, web: httpx.Client, channel: str, address: str, why: str) -> None:
    answer = web.post(alices(there), data={"act": "ask_code", "channel": channel, "address": address})
    assert why in read(answer, 422)
    assert there.all(ContactCheck) == []
    assert len(answer.text) < 40_000
