"""`gateway export`: what the gateway said, with ids and times, and without a word of or about a person."""

import json

from gateway.model import Alarm, Area, AreaKind, Callback, Outage, OutageKind, OutageState, Severity, Ticket, customer
from gateway.store import Store
from gateway.store.views.export_rows import export
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.outbox_rows import note


def _fill(store: Store) -> None:
    save_hundred_sites(store, 1)
    with store.write() as session:
        session.add(Ticket(id="T-1", site_id="home-0", customer_id="family-0", device_id="pump-0", cause_key="leak",
                           cause="secret", skill="heating", severity=Severity.MAJOR, opened_at=20, resolved_at=40,
                           resolution="secret"))
        session.add(Alarm(id="A-1", device_id="pump-0", site_id="home-0", rule="leak", severity=Severity.MAJOR,
                          cause="secret",
                          skill="heating", ticket_id="T-1", opened_at=10, known_at=15, evidence={"secret": 1}))
        session.add(Callback(id="C-1", site_id="home-0", customer_id="family-0", device_id="button-0a", presses=3,
                             requested_at=30, promised_by=90, closed_at=80, note="secret", agent="secret"))
        session.add(Area(id="feeder-1", name="secret", kind=AreaKind.FEEDER))
        session.flush()
        session.add(Outage(id="X-1", key="feeder-1", area_id="feeder-1", name="secret", kind=OutageKind.FEEDER,
                           state=OutageState.CONFIRMED,
                           homes=7, began_at=50, last_at=51, suspected_at=52, confirmed_at=55,
                           evidence={"secret": 1}))
        session.add(Outage(id="X-2", key="!gateway", kind=OutageKind.GATEWAY, state=OutageState.SUSPECTED, began_at=60,
                           last_at=60, suspected_at=61))  # nobody was told of it
        for number in range(3):
            session.add(note(f"N-{number}", "fault_found", number, 20, customer("secret"),
                             state="sent" if number else "held"))


def test_an_export_has_ids_and_times_and_no_word_of_a_person(both_stores: Store) -> None:
    _fill(both_stores)
    with both_stores.read() as session:
        records = list(export(session, 99))

    assert "secret" not in json.dumps(records)
    assert records == [
        {"exported": 99, "families": ["ticket", "alarm", "callback", "outage"]},
        {"what": "ticket", "id": "T-1", "device": "pump-0", "site": "home-0", "rule": "leak", "severity": "major",
         "round": 1, "opened": 20, "resolved": 40, "closed": None, "merged_into": None},
        {"what": "alarm", "id": "A-1", "device": "pump-0", "site": "home-0", "rule": "leak", "severity": "major",
         "ticket": "T-1", "held_by": None, "opened": 10, "known": 15, "closed": None},
        {"what": "callback", "id": "C-1", "device": "button-0a", "site": "home-0", "urgent": False, "presses": 3,
         "opened": 30, "closed": 80},
        {"what": "outage", "id": "X-1", "group": "feeder-1", "kind": "feeder", "state": "confirmed", "homes": 7,
         "began": 50, "opened": 55, "closed": None},
        {"what": "notifications", "topic": "fault_found", "state": "held", "count": 1},
        {"what": "notifications", "topic": "fault_found", "state": "sent", "count": 2}]
