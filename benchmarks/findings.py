"""Benchmark: processor time of a press and of a fault, each a transaction of its own: `python -m benchmarks.findings`.

`statements`: what is sent to the database for one.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event, insert
from sqlmodel import SQLModel

from benchmarks.figures import measured, percentile
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import Customer, Device, DeviceState, Provider, Site
from gateway.store import Store
from gateway.store.migrations import upgrade

PROFILES = {
    "pump": """
profile: pump
name: {en: heat pump, de: Wärmepumpe}
signals: {flow_temp: {unit: °C}}
silence: off
faults: {E7: {severity: critical, skill: heating, cause: {en: It has stopped, de: Sie steht}}}
rules:
  overheating:
    {when: flow_temp > 75, clear: flow_temp < 65, severity: critical, skill: heating, cause: {en: hot, de: heiß}}
""",
    "button": "profile: button\nname: {en: help button, de: Ruftaste}\nsilence: off\n",
}
WEEK = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--database", default="", help="an empty one; a new SQLite file when left out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        for name, text in PROFILES.items():
            (Path(folder) / f"{name}.yaml").write_text(text, encoding="utf-8")
        store = Store(asked.database or f"sqlite:///{folder}/gateway.db")
        upgrade(store)
        _settle(store, asked.sites)
        gw = Gateway(Settings(), store, load_profiles(Path(folder)), {})
        sent: list[str] = []
        event.listen(store.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
        figures = {name: _measure(gw, sent, asked.sites, say) for name, say in MESSAGES.items()}
        store.close()
    print(json.dumps({"benchmark": "findings", "db": store.engine.dialect.name, "sites": asked.sites, **figures}))


def _press(site: int, number: int) -> MqttMessage:
    return MqttMessage(f"devices/button-{site}/press", json.dumps({"id": str(number)}).encode())


def _fault(site: int, _number: int) -> MqttMessage:
    return MqttMessage(f"devices/pump-{site}/fault", b'{"code": "E7"}')


def _flow_temp(value: int) -> Callable[[int, int], MqttMessage]:
    return lambda site, number: MqttMessage(f"devices/pump-{site}/telemetry", json.dumps(
        {"seq": number, "values": {"flow_temp": value}}).encode())


MESSAGES: dict[str, Callable[[int, int], MqttMessage]] = {
    "first_press": _press, "press_again": _press, "fault": _fault, "second_fault": _flow_temp(80),
    "press_while_a_ticket_is_open": _press, "second_fault_clears": _flow_temp(40),
}


def _measure(gw: Gateway, sent: list[str], sites: int, say: Callable[[int, int], MqttMessage]) -> dict[str, float]:
    """One message of each site; the first has paid for compiling its statements."""
    now, each = time.time_ns() // 1_000_000, []
    for site in range(sites):
        if site == 1:
            sent.clear()
        began = time.thread_time()
        receive(gw, [say(site, now + site)], now + site)
        each.append(time.thread_time() - began)
    measured(messages=len(each))
    return {"cpu_us": round((percentile(each[1:], 0.5) or 0) * 1e6), "statements": round(len(sent) / (sites - 1), 1)}


def _settle(store: Store, sites: int) -> None:
    """Sites with a heat pump and a button each, and a firm that is never closed."""
    homes = [f"home-{number}" for number in range(sites)]
    devices = [(f"{kind}-{number}", kind, home) for number, home in enumerate(homes) for kind in PROFILES]
    rows: list[tuple[type[SQLModel], list[dict[str, object]]]] = [
        (Customer, [{"id": home, "name": home, "locale": "en", "timezone": "UTC"} for home in homes]),
        (Site, [{"id": home, "customer_id": home, "name": home, "street": "", "postcode": "8001", "town": "",
                 "timezone": "UTC", "access": ""} for home in homes]),
        (Provider, [{"id": "firm", "name": "Firm", "locale": "en", "timezone": "UTC", "phone": "",
                     "capacity": 10 * sites, "emergency": True, "skills": ["heating"],
                     "territory": {"postcodes": ["*"]}, "hours": WEEK}]),
        (Device, [{"id": key, "key": f"native:{key}", "profile": kind, "site_id": home, "name": key}
                  for key, kind, home in devices]),
        (DeviceState, [{"device_id": key, "link": "unheard", "signals": "{}", "memory": "{}"} for key, *_ in devices]),
    ]
    with store.write() as session:
        for table, values in rows:
            session.connection().execute(insert(table), values)


if __name__ == "__main__":
    main()
