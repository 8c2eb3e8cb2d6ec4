"""Benchmark: time and memory to evaluate a device's rules on one message: `python -m benchmarks.detect`.

`sweep_none_due_ms` is one look of the clock at all the devices, of which none is due.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from sqlmodel import insert

from benchmarks.figures import measured
from gateway.detection import ClaimedDevice, ClockTick, memory, step
from gateway.devices.profiles import Profile, compile_profile
from gateway.model import MINUTE, Device, DeviceState, Instant
from gateway.model.signals import Telemetry
from gateway.store import Store, due_work
from gateway.store.migrations import upgrade
from tests.fixtures.sample_fleet import save_sample_fleet

MESSAGES, LOOKS = 200, 200
NOON: Instant = 1_788_264_000_000

HEAD = """
profile: heat-pump
name: {en: heat pump}
signals: {flow_temp: {unit: °C}, return_temp: {unit: °C}, pressure: {unit: bar}, power: {unit: W}}
silence: {link: 5m, data: 45m}
rules:
"""
PLAIN = """
  overheating: {when: flow_temp > 75, clear: flow_temp < 65, for: 30s, severity: critical, cause: {en: x}}
  low_pressure: {when: pressure < 0.8, clear: pressure >= 1.0, for: 10m, severity: major, cause: {en: x}}
"""
WINDOWED = """
  no_heat: {when: 'mean(power, "10m") > 800 && flow_temp - return_temp < 1', severity: major, cause: {en: x}}
"""
HITS = """
  often: {when: power > 3000, hits: 3 of 5, clear_hits: 2 of 3, severity: minor, cause: {en: x}}
"""
EVERYTHING = """
  warm: {when: 'mean(flow_temp, "1h") > 75 && rate(flow_temp) > 0', keep_firing_for: 5m, severity: minor,
         cause: {en: x}}
  leak: {when: 'min(pressure, "10m") < 0.8', clear: pressure > 1, hits: 3 of 5, clear_hits: 2 of 3, severity: major,
         flapping: true, latch: true, rises: {critical: pressure < 0.4}, cause: {en: x}}
  stuck: {when: age(return_temp) > 600, severity: warning, depends_on: [leak], cause: {en: x}}
  jumps: {when: power - prev(power) > 500, hits: 10 of 21, flapping: true, severity: minor, cause: {en: x}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50, help=f"of {MESSAGES} messages each")
    asked = parser.parse_args()
    measured(devices=asked.devices, rounds=asked.rounds)
    figures: dict[str, object] = {"benchmark": "detect", "messages_a_figure": MESSAGES * asked.rounds}
    for name, rules in (("step", PLAIN + WINDOWED + HITS), ("step_two_plain", PLAIN), ("step_everything", EVERYTHING)):
        profile = compile_profile(HEAD + rules, "benchmark.yaml")
        rounds, state = took(profile, asked.rounds)
        figures[f"{name}_us"], figures[f"{name}_worst_us"] = round(statistics.median(rounds), 2), round(max(rounds), 2)
        figures[f"{name}_state_bytes"] = size(state)
    figures["sweep_none_due_ms"] = round(sweep_ms(asked.devices), 3)
    print(json.dumps(figures))


def took(profile: Profile, count: int) -> tuple[list[float], ClaimedDevice]:
    """µs a message, by round; a healthy device that reports four signals a minute, none of them round numbers."""
    state = ClaimedDevice("pump", "native:pump", profile.id)
    rounds, now = [], NOON
    for _ in range(count):
        said = []
        for number in range(MESSAGES):
            now += MINUTE
            drift = (number * 7919 % 97) / 97.3
            said.append((now, Telemetry("native:pump", {
                "flow_temp": 45.123 + drift, "return_temp": 38.517 - drift, "pressure": 1.487 + drift / 10,
                "power": 1512.7 + drift * 40}, now, number)))
        begun = perf_counter()
        for at, telemetry in said:
            state, _ = step(profile, state, telemetry, at)
        rounds.append((perf_counter() - begun) / MESSAGES * 1e6)
    return rounds, step(profile, state, ClockTick(NOON), now)[0]


def size(state: ClaimedDevice) -> int:
    """Bytes of what the database keeps of the device beside its clocks."""
    return len(memory.dumps(state.memory, state.history)) + len(json.dumps(state.signals, separators=(",", ":")))


def sweep_ms(devices: int) -> float:
    """The median look at so many devices that are all well."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'detect.db'}")
        upgrade(store)
        save_sample_fleet(store)
        with store.write() as session:
            names = [f"pump-{number}" for number in range(devices)]
            session.connection().execute(insert(Device), [
                {"id": name, "key": f"native:{name}", "profile": "heat-pump", "site_id": "alice-home", "name": name}
                for name in names])
            session.connection().execute(insert(DeviceState), [
                {"device_id": name, "link": "online", "seen_at": NOON, "due_at": NOON + 5 * MINUTE, "signals": "{}",
                 "memory": "{}"} for name in names])
        looks = []
        for _ in range(LOOKS):
            begun = perf_counter()
            with store.read() as session:
                assert not any(due_work.what_is_due(session, NOON))
            looks.append((perf_counter() - begun) * 1e3)
        store.close()
    return statistics.median(looks)


if __name__ == "__main__":
    main()
