"""`gateway device retire`: what ends with a device and what does not, and who may come back under its name."""

from pathlib import Path

import pytest
from sqlmodel import col, select

from gateway.config.settings import Service
from gateway.devices.registration import DeviceChecks, DeviceRequest
from gateway.flow import administer
from gateway.model import (
    Actor,
    ActorKind,
    Alarm,
    Callback,
    Command,
    Credential,
    DeviceState,
    Entry,
    Severity,
    Ticket,
    TicketState,
    new_id,
)
from gateway.model.states import LinkState
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.context import Policy
from tests.drivers.device_cli import Run, add, commands, device_row, file, speaks
from tests.drivers.timelines import sentence
from tests.fixtures.sample_fleet import save_sample_fleet


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands(tmp_path, sqlite_url, store, monkeypatch)


def broken(store: Store, state: str = "new", ticket: bool = True) -> None:
    """Alice's pump is broken, and a ticket says so; a person also waits for a call, and a command for the pump."""
    with store.write() as session:
        session.add(Ticket(id="T-1", site_id="alice-home", customer_id="alice", device_id="alice-pump",
                           cause_key="hot", cause="Too hot", skill="heating", severity=Severity.MAJOR,
                           state=TicketState(state),
                           opened_at=1))
        session.flush()
        session.add(Alarm(id="A-1", device_id="alice-pump", site_id="alice-home", rule="hot", severity=Severity.MAJOR,
                          cause="Too hot", skill="heating", ticket_id="T-1" if ticket else None, opened_at=1))
        session.add(Callback(id="C-1", site_id="alice-home", customer_id="alice", device_id="alice-pump",
                             requested_at=1, promised_by=2))
        session.add(Command(id="M-1", device_id="alice-pump", topic="t", payload="{}", created_at=1,
                            expires_at=9_999_999_999_999))


def test_a_device_with_a_ticket_under_way_is_not_retired_by_accident(run: Run, store: Store) -> None:
    broken(store, "assigned")

    said = run("retire", "alice-pump", code=1).stderr

    assert "ticket T-1 is assigned (Too hot)" in said
    assert "--cancel-tickets" in said
    assert device_row(store, "alice-pump").retired_at is None


def test_retiring_ends_alarms_tickets_commands_and_login_but_not_a_promised_call(
        run: Run, store: Store, tmp_path: Path) -> None:
    broken(store)
    run("rotate", "alice-pump")

    said = run("retire", "alice-pump", "--cancel-tickets").stderr

    with store.read() as session:
        ticket, alarm, callback, command = (session.get(Ticket, "T-1"), session.get(Alarm, "A-1"),
                                            session.get(Callback, "C-1"), session.get(Command, "M-1"))
        entries = [sentence(entry) for entry in session.exec(select(Entry).where(col(Entry.subject_id) == "T-1"))]
        assert session.get(Credential, "alice-pump") is None
    assert ticket is not None
    assert ticket.state == "cancelled"
    assert alarm is not None
    assert alarm.closed_at is not None
    assert alarm.evidence["closed"] == {"reason": "retired"}
    assert callback is not None
    assert callback.closed_at is None
    assert command is not None
    assert (command.state, command.reason) == ("failed", "retired")
    assert entries == ["Cancelled: the device was retired"]
    assert "1 alarms closed, 1 tickets cancelled" in said
    assert "alice-pump:" not in file(tmp_path, "passwords")
    assert "user alice-pump\ntopic deny devices/alice-pump/#\n" in file(tmp_path, "access")


def test_a_resolved_ticket_does_not_keep_a_device_and_says_why_its_alarm_closed(run: Run, store: Store) -> None:
    broken(store, "resolved")

    run("retire", "alice-pump")

    with store.read() as session:
        entries = [sentence(entry) for entry in session.exec(select(Entry).where(col(Entry.subject_id) == "T-1"))]
        ticket = session.get(Ticket, "T-1")
    assert entries == ["Alarm closed: the device was retired"]
    assert ticket is not None
    assert ticket.state == "resolved"  # it closes by itself when its time has come


def test_a_retired_address_may_be_claimed_by_another_device(run: Run, store: Store) -> None:
    run("retire", "alice-pump")
    speaks(store, "native:alice-pump")

    run("claim", "native:alice-pump", "--id", "pump-2", "--profile", "heat-pump", "--site", "bob-home")

    assert device_row(store, "pump-2").key == "native:alice-pump"
    assert "is retired" in run("rotate", "alice-pump", code=1).stderr


def test_a_retired_device_comes_back_at_its_own_site_only_and_starts_afresh(run: Run, store: Store) -> None:
    with store.write() as session:
        state = session.get(DeviceState, "alice-pump")
        assert state is not None
        state.link, state.memory = LinkState.LOST, '{"silent_since":1}'
    run("retire", "alice-pump")

    elsewhere = run("add", "alice-pump", "--profile", "heat-pump", "--site", "bob-home", code=1)
    add(run, "alice-pump")

    assert "was a device at site 'alice-home'" in elsewhere.stderr
    assert device_row(store, "alice-pump").retired_at is None
    assert device_row(store, "alice-pump").name == "Heat pump"
    with store.read() as session:
        state = session.get(DeviceState, "alice-pump")
    assert state is not None
    assert (state.link, state.memory) == (LinkState.UNHEARD, "{}")


def test_a_hub_that_goes_names_the_devices_it_leaves_behind(run: Run) -> None:
    add(run, "hub")
    add(run, "lamp", "--via", "hub")

    assert "speak through it, and are not retired: lamp" in run("retire", "hub").stderr


def test_a_fleet_file_does_not_bring_a_retired_device_back_unnoticed(run: Run, tmp_path: Path) -> None:
    run("retire", "bob-pump")
    (tmp_path / "fleet.yaml").write_text(
        "customers: [{id: bob, name: Bob Meier}]\nsites: [{id: bob-home, customer: bob}]\n"
        "devices: [{id: bob-pump, profile: heat-pump, site: bob-home}]\n")

    said = run("import", str(tmp_path / "fleet.yaml"), code=1, group="").stderr

    assert "'bob-pump' was retired — expected it out of the file" in said


def test_a_device_is_claimed_and_retired_on_either_database(both_stores: Store) -> None:
    save_sample_fleet(both_stores)
    checks = DeviceChecks(("heat-pump",), ("native",))
    with both_stores.write() as session:
        administer.claim(session, DeviceRequest("anna", "native:anna", "heat-pump", "alice-home"),
                           checks)
        administer.give_login(session, "anna", "$7$101$salt$hash", checks, 1)
        administer.give_login(session, "anna", "$7$101$salt$other", checks, 2)
    broken(both_stores)
    with both_stores.write() as session:
        gone = [administer.retire(session, device, Policy(Service(), new_id), True, Actor(ActorKind.OPERATOR), 3)
                for device in ("anna", "alice-pump")]
    with both_stores.read() as session:
        known, retired = device_registry.devices_in_use(session), device_registry.retired_ids(session)
        left = [row["id"] for row in device_registry.list_devices(session)]

    assert [one.tickets for one in gone] == [[], ["T-1"]]
    assert sorted(retired) == ["alice-pump", "anna"]
    assert sorted(one.id for one in known) == left == ["alice-button", "bob-pump", "charlie-button", "charlie-pump"]
