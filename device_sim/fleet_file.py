"""Writes the gateway's fleet file (customers, sites, areas, devices) for a simulated population."""

from collections.abc import Iterator
from typing import Any

import yaml

from device_sim.device_kinds import KINDS
from device_sim.population import DeviceSpec
from device_sim.scenario import Scenario

FIRST = "town"  # the area around everything
NAMES = {"heat_pump": "Heat pump", "fridge": "Medicine fridge", "leak_sensor": "Cellar sensor", "plug": "Freezer plug",
         "button": "Help button", "relay": "Relay", "climate": "Room sensor"}
SKILLS = ("heating", "refrigeration", "plumbing", "electronics", "electrical")
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def fleet_yaml(scenario: Scenario) -> str:
    """YAML that `gateway import` takes."""
    homes: dict[str, list[DeviceSpec]] = {}
    for spec in scenario.devices:
        homes.setdefault(spec.home or f"home-of-{spec.id}", []).append(spec)
    data = {
        "areas": list(_areas(scenario)),
        "customers": [{"id": f"customer-of-{home}", "name": f"Customer of {home}"} for home in homes],
        "sites": [_site(number, home, specs[0]) for number, (home, specs) in enumerate(homes.items())],
        "devices": [_device(spec, home) for home, specs in homes.items() for spec in specs],
        "providers": [{
            "id": "one-for-all", "name": "One For All", "skills": list(SKILLS), "territory": {"areas": [FIRST]},
            "hours": ALWAYS, "capacity": 10_000, "emergency": True,
            "technicians": [{"id": "toni", "name": "Toni", "skills": list(SKILLS)}]}],
    }
    head = f"# The devices of the scenario {scenario.name}, made by `python -m device_sim fleet`.\n"
    loader = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return head + yaml.dump(data, Dumper=loader, sort_keys=False, allow_unicode=True, width=120)


def _areas(scenario: Scenario) -> Iterator[dict[str, Any]]:
    yield {"id": FIRST, "name": "Town"}
    mix = scenario.mix
    if mix is None:
        return
    feeders = sorted({spec.feeder for spec in scenario.devices if spec.feeder})
    for substation in sorted({mix.substation(feeder) for feeder in feeders}):
        yield {"id": substation, "name": _title(substation), "kind": "feeder"}
    for feeder in feeders:
        yield {"id": feeder, "name": _title(feeder), "kind": "feeder", "parent": mix.substation(feeder)}
    for carrier in sorted({spec.carrier for spec in scenario.devices if spec.carrier}):
        yield {"id": carrier, "name": _title(carrier), "kind": "network"}


def _title(area: str) -> str:
    return area.replace("-", " ").capitalize()


def _site(number: int, home: str, spec: DeviceSpec) -> dict[str, Any]:
    """Homes stand in rows 30 m apart, so that a map shows them."""
    areas = [FIRST, *(area for area in (spec.feeder, spec.carrier) if area)]
    return {"id": home, "customer": f"customer-of-{home}", "name": home.replace("-", " ").capitalize(),
            "street": f"Test Street {number + 1}", "postcode": "8001", "town": "Simulated Town",
            "lat": round(47.37 + number // 100 * 0.0003, 6), "lon": round(8.54 + number % 100 * 0.0004, 6),
            "areas": areas}


def _device(spec: DeviceSpec, home: str) -> dict[str, Any]:
    row = {"id": spec.id, "profile": KINDS[spec.kind].profile, "site": home, "name": NAMES[spec.kind]}
    if spec.dialect != "native":
        row["dialect"] = spec.dialect
    if spec.address != spec.id:
        row["address"] = spec.address
    return row
