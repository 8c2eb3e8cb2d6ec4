"""What other systems call our customers, devices, tickets and so on: found by it, each once, gone with its row."""

import httpx
import pytest
from sqlalchemy import text

from gateway.model import (
    Area,
    AreaKind,
    Audit,
    ExternalId,
    ExternalKind,
    Offer,
    Outage,
    OutageKind,
    Provider,
    Role,
    User,
    Visit,
)
from gateway.web.api.systems.external_ids import NOUNS
from tests.drivers.web_driver import WebStory, is_problem, items


def test_a_ticket_is_found_by_what_the_crm_calls_it(there: WebStory, agent: httpx.Client) -> None:
    one, other = there.break_down("alice-pump"), there.break_down("bob-pump")
    there.wait()
    named = agent.put(f"tickets/{one.id}/external-ids/crm", json={"value": "4711/a: 7"}).json()
    assert named == {"id": one.id, "external_ids": {"crm": "4711/a: 7"}}
    assert agent.get(f"tickets/{one.id}").json()["external_ids"] == {"crm": "4711/a: 7"}
    [found] = items(agent.get("tickets", params={"external_id": "crm:4711/a: 7"}))
    assert (found["id"], found["external_ids"]) == (one.id, {"crm": "4711/a: 7"})
    assert items(agent.get("tickets", params={"external_id": "erp:4711/a: 7"})) == []
    assert agent.get(f"tickets/{other.id}").json()["external_ids"] == {}


def test_an_id_that_is_taken_is_refused_and_named_whose_it_is(there: WebStory, agent: httpx.Client) -> None:
    assert agent.put("customers/alice/external-ids/crm", json={"value": "4711"}).status_code == 200
    told = is_problem(agent.put("customers/bob/external-ids/crm", json={"value": "4711"}), 409)
    assert "alice" in told["detail"]
    assert agent.put("sites/bob-home/external-ids/crm", json={"value": "4711"}).status_code == 200  # another noun
    assert agent.put("customers/bob/external-ids/erp", json={"value": "4711"}).status_code == 200  # another system


def test_another_id_takes_its_place_and_the_old_one_is_free(there: WebStory, agent: httpx.Client) -> None:
    agent.put("devices/alice-pump/external-ids/erp", json={"value": "1"})
    agent.put("devices/alice-pump/external-ids/erp", json={"value": "2"})
    assert agent.put("devices/bob-pump/external-ids/erp", json={"value": "1"}).status_code == 200
    assert [one["id"] for one in items(agent.get("devices?external_id=erp:2"))] == ["alice-pump"]
    assert agent.delete("devices/alice-pump/external-ids/erp").json()["external_ids"] == {}
    is_problem(agent.delete("devices/alice-pump/external-ids/erp"), 404)
    is_problem(agent.put("devices/nobody/external-ids/erp", json={"value": "3"}), 404)


def test_every_noun_has_them_in_its_body_and_its_list(there: WebStory, operator: httpx.Client) -> None:
    ticket = there.break_down()
    callback = there.call_for_help()
    offer = there.one(Offer, Offer.ticket_id == ticket.id)
    there.accept()
    visit = there.one(Visit, Visit.ticket_id == ticket.id)
    user = there.user("agent")
    there.add(Area(id="f-7", name="Feeder 7", kind=AreaKind.FEEDER),
              Outage(id="X-6D1F9WQM", key="!clock", kind=OutageKind.GATEWAY, began_at=there.now, last_at=there.now,
                     suspected_at=there.now, next_at=there.now))
    body = {"area_id": "f-7", "from_at": "2026-12-01T08:00:00Z", "until_at": "2026-12-01T10:00:00Z"}
    window = operator.post("maintenance", json=body).json()["id"]
    erna = operator.post("people", json={"customer_id": "alice", "name": "Erna Keller", "role": "owner"}).json()["id"]
    ids = {"customer": "alice", "person": erna, "site": "alice-home",
           "device": "alice-pump", "ticket": ticket.id, "alarm": items(operator.get("alarms"))[0]["id"],
           "callback": callback.id, "outage": "X-6D1F9WQM", "window": window, "offer": offer.id, "visit": visit.id,
           "provider": "kunz", "notification": items(operator.get("notifications"))[0]["id"], "user": user.id}
    assert {noun.kind for noun in NOUNS} == set(ExternalKind)
    for noun in NOUNS:
        path = f"{noun.path}/{ids[noun.name]}"
        answer = operator.put(f"{path}/external-ids/crm", json={"value": f"our {noun.name}"})
        assert answer.status_code == 200, answer.text
        assert operator.get(path).json()["external_ids"] == {"crm": f"our {noun.name}"}
        [found] = items(operator.get(noun.path, params={"external_id": f"crm:our {noun.name}"}))
        assert (found["id"], found["external_ids"]) == (ids[noun.name], {"crm": f"our {noun.name}"})


def test_it_is_gone_when_its_row_is_whoever_deletes_it(there: WebStory) -> None:
    there.add(User(id="U-1", name="Zoe", email="zoe@example.com", role=Role.AGENT, created_at=1),
              ExternalId(kind=ExternalKind.USER, row_id="U-1", system="crm", value="1"),
              Provider(id="p-1", name="New Heating", lat=47.5, lon=7.6),
              ExternalId(kind=ExternalKind.PROVIDER, row_id="p-1", system="crm", value="1"),
              ExternalId(kind=ExternalKind.PROVIDER, row_id="kunz", system="crm", value="2"))
    with there.gw.store.write() as session:
        for statement in ("DELETE FROM account WHERE id = 'U-1'", "DELETE FROM provider WHERE id = 'p-1'"):
            session.connection().execute(text(statement))
    assert [one.row_id for one in there.all(ExternalId)] == ["kunz"]


def test_each_kind_ends_with_its_rows(there: WebStory) -> None:
    sqlite = there.gw.store.sqlite
    query = ("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_external_ids'" if sqlite else
             "SELECT event_object_table FROM information_schema.triggers WHERE trigger_name LIKE '%_external_ids'")
    with there.gw.store.read() as session:
        assert {*session.connection().execute(text(query)).scalars()} == {*map(str, ExternalKind)}


def test_who_may_only_look_names_nothing_and_who_names_is_written_down(there: WebStory, agent: httpx.Client,
                                                                       reader: httpx.Client) -> None:
    is_problem(reader.put("sites/alice-home/external-ids/crm", json={"value": "1"}), 403)
    user = there.user("agent")
    is_problem(agent.put(f"users/{user.id}/external-ids/crm", json={"value": "1"}), 403)
    agent.put("sites/alice-home/external-ids/crm", json={"value": "1"})
    line = there.all(Audit)[-1]
    assert (line.action, line.object_kind, line.object_id) == ("put_external_id", "site", "alice-home")


@pytest.mark.parametrize(("system", "value"), [("CRM", "1"), ("c:rm", "1"), ("-crm", "1"), ("c" * 41, "1"), ("crm", ""),
                                               ("crm", "x" * 201), ("crm", "a\nb"), ("crm", None)])
def test_what_is_no_system_or_no_id_is_refused(agent: httpx.Client, system: str, value: str | None) -> None:
    is_problem(agent.put(f"sites/alice-home/external-ids/{system}", json={"value": value}), 422)
