"""What people want to be told, by the API: an agent writes down what they say; contacts stop and are used again."""

from typing import Any

import httpx
import pytest

from gateway.model import (
    DAY,
    Audit,
    ConsentSource,
    Contact,
    Entry,
    EntryKind,
    Notification,
    Person,
    Preference,
    ReasonKind,
)
from tests.drivers.web_driver import WebStory, is_problem
from tests.fixtures.household import move_in

ALICE = "customers/alice/preferences"


def contact_of(there: WebStory, owner: str, channel: str) -> Contact:
    return there.one(Contact, Contact.owner_id == owner, Contact.channel == channel)


def test_who_has_chosen_nothing_is_told_everything_by_the_hours_of_the_household(
        there: WebStory, reader: httpx.Client, agent: httpx.Client) -> None:
    move_in(there)
    shown = reader.get("people/emil/preferences").json()
    assert (shown["owner"], shown["amount"], shown["muted"]) == ("person/emil", "everything", [])
    assert (shown["quiet"], shown["quiet_hours"], shown["changed_at"]) == ("household", None, None)
    assert "on_the_way" in shown["cannot_be_muted"]
    [mail] = shown["contacts"]
    assert (mail["address"], mail["in_use"], mail["consent_by"]) == ("…", True, "imported")
    assert agent.get("people/emil/preferences").json()["contacts"][0]["address"] == "e…@example.com"
    assert reader.get(ALICE).json()["timezone"] == "Europe/Zurich"
    is_problem(reader.get("people/nobody/preferences"), 404)
    is_problem(reader.get("customers/nobody/preferences"), 404)


def test_an_agent_writes_down_what_they_say_and_nothing_else_changes(there: WebStory, agent: httpx.Client) -> None:
    said = {"amount": "digest", "digest_at": "07:30", "muted": ["surveys"], "locale": "de", "quiet": "own",
            "quiet_hours": ["20:30", "09:00"], "timezone": "Europe/Lisbon"}
    shown = agent.patch(ALICE, json=said).json()
    assert {name: shown[name] for name in said} == said
    for body in ({"muted": ["faults"]}, {"muted": ["faults"]}, {"quiet": "household"}, {"stopped": True}):
        shown = agent.patch(ALICE, json=body).json()
    assert (shown["amount"], shown["muted"], shown["quiet"]) == ("digest", ["faults"], "household")
    assert shown["locale"] == "de"
    assert shown["stopped_at"] is not None
    assert agent.patch(ALICE, json={"stopped": False, "locale": None}).json()["stopped_at"] is None
    rows = there.all(Entry, Entry.subject_id == "alice", Entry.kind == EntryKind.PREFERENCES_CHANGED)
    assert len(rows) == len(there.all(Audit, Audit.action == "change_preferences")) == 5  # one was twice the same
    assert there.one(Preference).locale is None


def test_what_an_agent_wrote_down_is_obeyed_and_danger_passes_it(there: WebStory, agent: httpx.Client) -> None:
    agent.patch(ALICE, json={"stopped": True})
    there.says("alice-pump", pressure=0.2)
    there.keep_saying("alice-pump", 11, pressure=0.2)
    there.wait(seconds=5)
    row = there.notifications("fault_found")[-1]
    assert row.reason is not None
    assert row.reason.kind is ReasonKind.STOPPED
    there.break_down()
    there.wait(seconds=5)
    assert there.told_to("alice@example.com") != []


def test_each_kind_of_message_has_its_own_first_contact(there: WebStory, agent: httpx.Client) -> None:
    sms = next(one for one in there.all(Contact, Contact.owner_id == "alice") if one.channel == "sms")
    shown = agent.patch(ALICE, json={"first_for": {"faults": sms.id}}).json()
    assert shown["first_for"] == {"faults": sms.id}
    assert shown["contacts"][0]["channel"] == "email"
    there.says("alice-pump", pressure=0.2)
    there.keep_saying("alice-pump", 11, pressure=0.2)
    there.wait(seconds=5)
    assert len(there.told_to(sms.address)) == 1
    assert there.told_to("alice@example.com") == []
    assert agent.patch(ALICE, json={"first_for": {}, "contact_order": [sms.id]}).json()["contacts"][0]["id"] == sms.id


def test_who_asks_for_the_yearly_message_hears_it_in_a_year(there: WebStory, agent: httpx.Client) -> None:
    assert agent.patch(ALICE, json={"yearly": True}).json()["yearly"] is True
    due = there.one(Preference).well_at
    assert due is not None
    assert due > there.now + 360 * DAY
    assert agent.patch(ALICE, json={"yearly": False}).json()["yearly"] is False
    assert there.one(Preference).well_at is None


@pytest.mark.parametrize(("body", "field", "words"), [
    ({"timezone": "Mars/Olympus"}, "body.timezone", "expected an IANA time zone"),
    ({"timezone": "x" * 10_000}, "body.timezone", "expected an IANA time zone"),
    ({"timezone": "../../etc/passwd"}, "body.timezone", "expected an IANA time zone"),
    ({"quiet": "own", "quiet_hours": ["22:00", "22:00"]}, "body.quiet_hours", "expected two different times"),
    ({"quiet": "own"}, "body.quiet_hours", "expected with quiet: own"),
    ({"quiet": "none", "quiet_hours": ["22:00", "07:00"]}, "body.quiet_hours", "and with nothing else"),
    ({"quiet_hours": ["25:00", "07:00"]}, "body.quiet_hours.0", "expected a time of day"),
    ({"digest_at": "six"}, "body.digest_at", "expected a time of day"),
    ({"muted": ["callbacks"]}, "body.muted.0", "nobody can mute callbacks"),
    ({"muted": ["everything"]}, "body.muted.0", "'faults'"),
    ({"muted": ["surveys"] * 5000}, "body.muted", "at most 4 items"),
    ({"contact_order": ["C-1"]}, "body.contact_order.0", "a contact of theirs"),
    ({"contact_order": ["C-1"] * 5000}, "body.contact_order", "at most 100 items"),
    ({"first_for": {"faults": "C-1"}}, "body.first_for.faults", "a contact of theirs"),
    ({"locale": "tlh"}, "body.locale", "expected a language we write in"),
    ({"amount": "nothing"}, "body.amount", "'everything'"),
    ({"mutde": []}, "body.mutde", "not permitted"),
])
def test_what_makes_no_sense_names_the_field_and_changes_nothing(
        there: WebStory, agent: httpx.Client, body: dict[str, Any], field: str, words: str) -> None:
    answer = agent.patch(ALICE, json=body)
    told = is_problem(answer, 422)
    assert words in {one["field"]: one["detail"] for one in told["errors"]}[field]
    assert len(answer.text) < 2_000
    assert there.all(Preference) == []


def test_a_contact_is_stopped_and_used_again_with_the_agents_word_for_it(there: WebStory, agent: httpx.Client) -> None:
    move_in(there)
    for path, contact in (("customers/alice", contact_of(there, "alice", "email")),
                          ("people/emil", contact_of(there, "emil", "email"))):
        where = f"{path}/contacts/{contact.id}"
        for _ in range(2):
            shown = agent.delete(where).json()
        assert next(one for one in shown["contacts"] if one["id"] == contact.id)["stopped_at"] is not None
        for _ in range(2):
            shown = agent.post(f"{where}/use-again").json()
        kept = next(one for one in shown["contacts"] if one["id"] == contact.id)
        assert (kept["stopped_at"], kept["consent_by"], kept["consent_who"]) == (None, ConsentSource.AGENT, "Dana")


def test_nobody_changes_what_is_not_theirs_to_change(
        there: WebStory, agent: httpx.Client, reader: httpx.Client, auditor: httpx.Client) -> None:
    move_in(there)
    emils = contact_of(there, "emil", "email").id
    for client in (reader, auditor):
        is_problem(client.patch(ALICE, json={"stopped": True}), 403)
        is_problem(client.post(f"people/emil/contacts/{emils}/use-again"), 403)
    is_problem(agent.post(f"people/erna/contacts/{emils}/use-again"), 404)
    is_problem(agent.delete(f"customers/arber/contacts/{emils}"), 404)
    agent.post("people/emil/leave", json={"site_id": "arber-home"})
    is_problem(agent.patch("people/emil/preferences", json={"stopped": True}), 409)
    assert there.all(Notification, Notification.topic == "contact_gone") == []


@pytest.mark.parametrize(("name", "status"), [
    ("x" * 100_000, 413), ("x" * 60_000, 422), ("Erna\u202eArber", 422), ("Erna\r\nBcc: x@example.com", 422),
    ("Erna\u2028Arber", 422), ("", 422), ("Erna\u0085", 200), ("O’Erna ‍ने", 200),
])
def test_a_name_is_one_line_that_people_can_read(there: WebStory, agent: httpx.Client, name: str, status: int) -> None:
    move_in(there)
    answer = agent.patch("people/erna", json={"name": name})
    assert answer.status_code == status
    assert len(answer.text) < 2_000
    assert there.one(Person, Person.id == "erna").name == (name.strip() if status == 200 else "Erna Arber")


def test_an_agent_who_pastes_a_name_at_the_console_pastes_no_trick(there: WebStory) -> None:
    move_in(there)
    browser = there.console()
    browser.post("/console/customers/arber/people", name="Nina\u202e\x07\r\nArber", role="tenant")
    assert there.all(Person, Person.name == "Nina Arber") != []
