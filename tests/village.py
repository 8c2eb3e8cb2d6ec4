"""A village of many homes, each with a heat pump and two help buttons, and one firm that is never closed."""

import time
from collections.abc import Mapping
from pathlib import Path

from gateway.config.fleet_file import read_fleet
from gateway.store import Store
from gateway.store.fleet import save_fleet

PROFILES = {
    "pump": """
profile: pump
name: {en: heat pump, de: Wärmepumpe}
signals: {flow_temp: {unit: °C}}
silence: {link: 5m, lost: 60s, severity: major, skill: heating}
faults:
  E7: {severity: critical, skill: heating, cause: {en: The compressor has stopped, de: Der Kompressor steht}}
rules:
  overheating:
    when: flow_temp > 75
    clear: flow_temp < 65
    severity: critical
    skill: heating
    cause: {en: The heat pump is overheating, de: Die Wärmepumpe überhitzt}
  lukewarm:
    when: flow_temp < 20
    for: 2s
    severity: minor
    skill: heating
    cause: {en: The heat pump no longer heats, de: Die Wärmepumpe heizt nicht mehr}
""",
    "button": """
profile: button
name: {en: help button, de: Ruftaste}
silence: off
""",
}
ALWAYS = ", ".join(f'{day}: [["00:00", "24:00"]]' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))


def write_profiles(folder: Path, profiles: Mapping[str, str] = PROFILES) -> Path:
    """The profiles as files in `folder`, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in profiles.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def settle(store: Store, homes: int, hook: str = "") -> None:
    """Homes 0, 1, …: site `home-3` has `pump-3`, `button-3a` and `button-3b`. Customers and firm listen at `hook`."""
    lines = ["customers:"]
    for number in range(homes):
        contacts = f"[{{channel: webhook, address: '{hook}/family-{number}'}}]" if hook else "[]"
        lines.append(f"  - {{id: family-{number}, name: Family {number}, contacts: {contacts}}}")
    lines.append("sites:")
    lines += [f"  - {{id: home-{number}, customer: family-{number}, name: Home {number}, postcode: 8001}}"
              for number in range(homes)]
    lines.append("devices:")
    for number in range(homes):
        lines += [f"  - {{id: {name}, profile: {profile}, site: home-{number}, name: {name}}}" for name, profile in (
            (f"pump-{number}", "pump"), (f"button-{number}a", "button"), (f"button-{number}b", "button"))]
    firm = f"contacts: [{{channel: webhook, address: '{hook}/firm'}}], " if hook else ""
    lines.append(f"providers:\n  - {{id: firm, name: Firm, skills: [heating], territory: {{postcodes: ['80*']}}, {firm}"
                 f"capacity: {10 * homes}, emergency: true, hours: {{{ALWAYS}}}}}")
    with store.write() as session:
        save_fleet(session, read_fleet("\n".join(lines), "tests/village.py"), now=round(time.time() * 1000))
