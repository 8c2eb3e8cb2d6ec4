"""The main job on real input: each recorded message goes through a real Mosquitto and is found as what it means."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from sqlalchemy import func
from sqlmodel import col, select

from gateway.config.fleet_file import read_fleet
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Settings
from gateway.detection import memory
from gateway.devices import dialects
from gateway.devices.dialects import native
from gateway.devices.profiles import read
from gateway.model import (
    SECOND,
    Alarm,
    Command,
    CommandState,
    DeadLetter,
    Device,
    DeviceState,
    Instant,
    PressRecord,
    Reading,
    Severity,
    Unclaimed,
    from_iso,
)
from gateway.model.signals import (
    Ack,
    Announced,
    ButtonWord,
    FaultCode,
    FaultList,
    Ignored,
    Presence,
    Press,
    Request,
    Signal,
    Skipped,
    Telemetry,
    Undecodable,
)
from gateway.store import Store
from gateway.store.fleet import save_fleet
from tests import ROOT
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count
from tests.fixtures.listener_in_process import dropped_for_any_reason, running_listener
from tests.fixtures.payload_expectations import ABSENT, EXPECTED, PAYLOADS, Recorded, recorded
from tests.fixtures.servers import Mosquitto, wait_until

PROFILES = load_profiles(ROOT / "profiles")
KINDS = {"shelly": "relay", "zigbee2mqtt": "zigbee-climate", "native": "heat-pump", "ems_esp": "heat-pump",
         "aws_button": "help-button", "flic": "help-button"}  # any other: a smart plug
PROFILE_OF = {"tasmota:boiler": "heat-pump", "zigbee2mqtt:button": "help-button",
              "zigbee2mqtt:button_double_key": "help-button", "native:door 3": "help-button"}
SPOKEN = dialects.understand(Settings().dialects)
Meaning = tuple[Signal, ...] | type[Exception]


def own_examples() -> dict[Recorded, Meaning]:
    """The native dialect has no recordings, so its examples stand for them: those that a device sends as it goes."""
    return {Recorded(f"native/{number}", topic, payload, retained): meaning
            for number, (topic, payload, retained, meaning) in enumerate(native.EXAMPLES)
            if not retained and topic.isprintable()}


def at_of(meaning: Meaning) -> Instant | None:
    signals: Sequence[Signal] = () if isinstance(meaning, type) else meaning
    return next((s.at for s in signals if not isinstance(s, Ack | Announced | Request | Skipped) and s.at is not None),
                None)


def telling(meaning: Meaning) -> list[Signal]:
    """Those signals that leave a trace with a claimed device: it keeps the name that the operator gave it, and the
    first count heard of presses is no press, and a list without faults ends none that was never told."""
    signals: Sequence[Signal] = () if isinstance(meaning, type) else meaning
    return [s for s in signals if not isinstance(s, Announced | Request | Skipped | FaultList)
            and not (isinstance(s, Press) and s.change is not None)]


def is_bridge(signal: Signal) -> bool:
    """That key stands for whoever brings the whole dialect; a bridge with its own key is claimed like any device."""
    return signal.key.endswith(":bridge")


def in_order(messages: dict[Recorded, Meaning]) -> Iterator[tuple[Recorded, Meaning]]:
    """Those that say when they were made, oldest first; then the others."""
    yield from sorted(messages.items(), key=lambda item: at_of(item[1]) or from_iso("2027-01-01T00:00:00Z"))


@dataclass
class Watch:
    """Sees what each message brings about. Its clock stands at the time at which the message was recorded."""

    store: Store
    devices: DeviceClient
    now: Instant = 0
    marks: int = 0
    wrong: list[str] = field(default_factory=list)

    def hear(self, message: Recorded) -> None:
        """Publishes it and, behind it, a mark: when the mark is stored, the message has been dealt with."""
        self.devices.say(message.topic, message.payload, retain=message.retained)
        self.marks += 1
        self.devices.say("devices/mark/telemetry", {"seq": self.marks, "values": {"n": self.marks}})
        marks = "SELECT count(*) FROM reading WHERE device_id = 'native:mark'"
        wait_until(lambda: count(self.store, marks) == self.marks, 10, f"the mark behind {message.name}")

    def new(self, table: Any, before: dict[Any, int]) -> list[Any]:
        with self.store.read() as session:
            rows = session.exec(select(table)).all()
        return [row for row in rows[before[table]:] if getattr(row, "device_id", "") != "native:mark"]

    def sizes(self) -> dict[Any, int]:
        return {table: count(self.store, f"SELECT count(*) FROM {table.__tablename__}")
                for table in (Reading, PressRecord, DeadLetter, Unclaimed)}

    def check(self, message: Recorded, meaning: Meaning) -> None:
        """Publishes the message and compares."""
        self.now = max(self.now + 10 * SECOND, (at_of(meaning) or 0) + SECOND)
        signals = telling(meaning)
        self.prepare(signals)
        before, drops = self.sizes(), dropped_for_any_reason()
        self.hear(message)
        found = self.as_found(signals)
        found += [f"reading {row.device_id} {row.signals} at {row.at}" for row in self.new(Reading, before)]
        found += [f"press {row.device_id} {row.kind} {row.press_id} at {row.at}"
                  for row in self.new(PressRecord, before)]
        found += [f"dead letter {row.topic}" for row in self.new(DeadLetter, before)]
        found += [f"unclaimed {row.key}" for row in self.new(Unclaimed, before)
                  if not row.key.endswith(":bridge")]
        found += ["set aside"] * int(dropped_for_any_reason() - drops)
        expected = ([] if SPOKEN.of(message.topic) is None  # nobody subscribed: it never arrives
                    else [f"dead letter {message.topic}"] if meaning is Undecodable
                    else ["set aside"] if meaning is Ignored else [self.as_expected(signal) for signal in signals])
        if sorted(found) != sorted(expected):
            self.wrong.append(f"{message.name}: expected {expected}, found {found}")

    def as_expected(self, signal: Signal) -> str:
        assert not isinstance(signal, Announced | Request | Skipped | FaultList)
        at = self.now if isinstance(signal, Ack) or signal.at is None else signal.at
        match signal:
            case Telemetry():
                return f"reading {signal.key} {orjson.dumps(signal.values).decode()} at {at}"
            case Press():
                return f"press {signal.key} {signal.kind} {signal.press_id or f'at-{self.now}'} at {at}"
            case ButtonWord():
                return f"{signal.key} is online"
            case Presence() if is_bridge(signal):
                return f"{'some' if signal.state == 'online' else 'no'} device behind {signal.key} is online"
            case Presence():
                return f"{signal.key} is {signal.state}"
            case FaultCode():
                return f"fault {signal.key} {signal.code} is {'open' if signal.active else 'over'}"
            case Ack():
                return f"command {signal.command_id} is {'acknowledged' if signal.ok else 'failed'}"

    def as_found(self, signals: Sequence[Signal]) -> list[str]:
        """What the state says about signals that leave no row of their own."""
        found = []
        with self.store.read() as session:
            for signal in signals:
                state = session.get(DeviceState, signal.key)
                if isinstance(signal, Telemetry):
                    assert state is not None
                    known, newest = read(PROFILES[profile_of(signal.key)], signal.values), signal.at or self.now
                    if state.data_at == newest and not known.items() <= json.loads(state.signals).items():
                        found.append(f"{signal.key} remembers {state.signals}")
                elif isinstance(signal, Presence) and is_bridge(signal):
                    above = f"{signal.key.partition(':')[0]}:"
                    links = set(session.exec(select(DeviceState.link).where(
                        col(DeviceState.device_id).startswith(above))))
                    found.append(f"{'some' if 'online' in links else 'no'} device behind {signal.key} is online")
                elif isinstance(signal, Presence):
                    found.append(f"{signal.key} is {state.link if state else 'nowhere'}")
                elif isinstance(signal, FaultCode):
                    alarms = session.exec(select(func.coalesce(Alarm.cleared_at, Alarm.closed_at)).where(
                        Alarm.device_id == signal.key, Alarm.rule == f"fault:{signal.code}")).all()
                    found.append(f"fault {signal.key} {signal.code} is {'open' if None in alarms else 'over'}")
                elif isinstance(signal, Ack):
                    found.append(f"command {signal.command_id} is {session.get_one(Command, signal.command_id).state}")
        return found

    def prepare(self, signals: Sequence[Signal]) -> None:
        """What a signal says is over must have been there, and what it acknowledges must have been sent."""
        with self.store.write() as session:
            for signal in signals:
                if isinstance(signal, FaultCode) and not signal.active:
                    state, rule = session.get_one(DeviceState, signal.key), f"fault:{signal.code}"
                    remembered, history = memory.loads(state.memory)
                    faults = {**remembered.faults, signal.code: memory.FaultState(True, 1)}
                    state.memory = memory.dumps(remembered._replace(faults=faults), history)
                    state.version += 1
                    open_now = select(Alarm).where(Alarm.device_id == signal.key, Alarm.rule == rule)
                    if session.exec(open_now.where(col(Alarm.closed_at).is_(None))).first() is None:
                        session.add(Alarm(id=f"A-{self.marks}-{signal.code}", device_id=signal.key, site_id="home",
                                          rule=rule, cause="", severity=Severity.MINOR, skill="", opened_at=1))
                elif isinstance(signal, Ack) and session.get(Command, signal.command_id) is None:
                    session.add(Command(id=signal.command_id, device_id=signal.key, topic="", payload="",
                                        state=CommandState.SENT, created_at=1, expires_at=2**62))
                elif isinstance(signal, Ack):
                    session.get_one(Command, signal.command_id).state = CommandState.SENT


def profile_of(key: str) -> str:
    return PROFILE_OF.get(key, KINDS.get(key.partition(":")[0], "smart-plug"))


def claim(store: Store, keys: set[str]) -> None:
    """Each address is a device of one household; its id is its key, so that a test can say it."""
    household = read_fleet("customers: [{id: folk, name: Folk}]\nsites: [{id: home, customer: folk}]", "household")
    with store.write() as session:
        save_fleet(session, household, 1)
        for key in sorted(keys):
            session.add(Device(id=key, key=key, profile=profile_of(key), site_id="home", name=key))
            session.flush()
            session.add(DeviceState(device_id=key))


@pytest.mark.slow
@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=ABSENT)
def test_every_recorded_message_is_found_in_the_database_as_what_it_means(store: Store, mosquitto: Mosquitto) -> None:
    messages = {message: EXPECTED[message.name] for message in recorded()} | own_examples()
    claim(store, {"native:mark"} | {signal.key for meaning in messages.values() if not isinstance(meaning, type)
                                    for signal in meaning if not is_bridge(signal)})
    with device_client(mosquitto.port) as devices:
        watch = Watch(store, devices)
        for message in [message for message in messages if message.retained]:
            devices.say(message.topic, message.payload, retain=True)
        devices.flush()
        with running_listener(store, mosquitto.port, lambda: watch.now, PROFILES):
            for message, meaning in in_order(messages):
                if message.retained:  # it came when the gateway subscribed
                    assert not isinstance(meaning, type)
                    assert watch.as_found(meaning) == [watch.as_expected(signal) for signal in meaning]
                else:
                    watch.check(message, meaning)
    assert not watch.wrong, "\n".join(watch.wrong)
    assert watch.marks > 50
