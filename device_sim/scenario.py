"""Reads and validates a scenario in YAML: its devices, and what happens to them when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from device_sim.device_kinds import KINDS
from device_sim.dialects import DIALECTS
from device_sim.population import DeviceSpec, Mix, Part, carrier_id, feeder_id
from device_sim.scenario_events import SCENARIO_EVENTS
from device_sim.yaml_fields import NEEDED, Fields, duration, interval, name, names, one_of, read, share, text, whole

SHIPPED = Path(__file__).parent / "scenarios"
MOST = 100_000  # devices


class BadScenario(Exception):
    """The scenario cannot be played; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True)
class Happening:
    """What happens (`do`, one of TROUBLES) at `at` simulated seconds for `lasts` (None: until the run ends)."""

    do: str
    at: float
    lasts: float | None
    over: float  # it begins with each device at some moment of this time
    more: dict[str, Any]
    who: dict[str, Any]

    def cast(self, people: list[DeviceSpec], rng: random.Random) -> list[DeviceSpec]:
        """Whom it befalls: of those whom it can, the named ones, or as many as it says."""
        fitting = [spec for spec in people if SCENARIO_EVENTS[self.do].fits(spec) and self._meant(spec)]
        count = self.who["count"]
        if self.who["share"] is not None:
            count = max(1, round(self.who["share"] * len(fitting)))
        return fitting if count is None or count >= len(fitting) else rng.sample(fitting, count)

    def _meant(self, spec: DeviceSpec) -> bool:
        who = self.who
        return ((who["device"] is None or spec.id in who["device"]) and who["of"] in (None, spec.kind)
                and who["dialect"] in (None, spec.dialect)
                and (who["feeder"] is None or spec.feeder == feeder_id(who["feeder"]))
                and (who["carrier"] is None or spec.carrier == carrier_id(who["carrier"])))


@dataclass(frozen=True)
class Scenario:
    name: str
    devices: tuple[DeviceSpec, ...]
    happens: tuple[Happening, ...] = ()
    lasts: float | None = None  # simulated seconds
    about: str = ""
    mix: Mix | None = field(default=None, repr=False)


_TOP: Fields = {"about": (text, ""), "lasts": (interval, None), "fleet": (lambda value: value, None),
                "devices": (lambda value: value, None), "happens": (lambda value: value, None)}
_FLEET: Fields = {
    "devices": (whole(1, MOST), 100), "devices_per_home": (whole(1, 1000), 3),
    "homes_per_feeder": (whole(1, 10_000), 12),
    "feeders_per_substation": (whole(1, 100), 4), "carriers": (whole(1, 99), 3), "mix": (lambda value: value, NEEDED)}
_PART: Fields = {"kind": (one_of(tuple(KINDS)), NEEDED), "dialect": (one_of(tuple(DIALECTS)), "native"),
                 "share": (share, NEEDED), "every": (interval, 60.0)}
_DEVICE: Fields = {"id": (name, NEEDED), "kind": (one_of(tuple(KINDS)), NEEDED),
                   "dialect": (one_of(tuple(DIALECTS)), "native"), "every": (interval, 60.0),
                   "count": (whole(1, 10_000), None)}
_WHO: Fields = {"device": (names, None), "of": (one_of(tuple(KINDS)), None), "dialect": (one_of(tuple(DIALECTS)), None),
                "feeder": (whole(1, MOST), None), "carrier": (whole(1, 99), None), "count": (whole(1, MOST), None),
                "share": (share, None)}
_WHEN: Fields = {"do": (one_of(tuple(SCENARIO_EVENTS)), NEEDED), "at": (duration, NEEDED), "for": (interval, None),
                 "over": (duration, 0.0)}


def find(asked: Path) -> Path:
    """The file itself, or the shipped scenario of that name."""
    shipped = SHIPPED / (asked.name if asked.suffix else f"{asked.name}.yaml")
    return asked if asked.exists() or not shipped.exists() else shipped


def load(path: Path, devices: int | None = None) -> Scenario:
    """Reads a scenario file; `devices` is another size for its fleet. Raises BadScenario with every mistake."""
    path = find(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadScenario([f"{path}: {error.strerror}; expected a YAML file, or one of the shipped scenarios "
                           + ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))]) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadScenario([f"{path}: {error}"]) from error
    return parse(data, str(path), devices)


def parse(data: Any, file: str, devices: int | None = None) -> Scenario:
    errors: list[str] = []
    top = read(data, "scenario", _TOP, errors)
    if top is None:
        raise BadScenario([f"{file}: {error}" for error in errors])
    if devices is not None and not 1 <= devices <= MOST:
        errors.append(f"--devices {devices}: expected 1 to {MOST}")
    mix = _mix(top["fleet"], errors) if top["fleet"] is not None else None
    people = [*(mix.people(devices) if mix else ()), *_devices(top["devices"], errors)]
    if not errors:
        errors += _clashes(people, devices if mix is None else None)
    happens = _happens(top["happens"], people if not errors else None, errors)
    if errors:
        raise BadScenario([f"{file}: {error}" for error in errors])
    return Scenario(Path(file).stem, tuple(people), happens, top["lasts"], top["about"], mix)


def _clashes(people: list[DeviceSpec], devices: int | None) -> Iterator[str]:
    if not people:
        yield "devices: there are none, expected `fleet:` with a mix, or `devices:` with a list"
    if len({spec.id for spec in people}) < len(people):
        yield "devices: expected each id once"
    if devices is not None and devices != len(people):
        yield f"--devices {devices}: this scenario lists its {len(people)} devices, only a `fleet:` has another size"


def _mix(row: Any, errors: list[str]) -> Mix | None:
    fleet = read(row, "fleet", _FLEET, errors)
    if fleet is None:
        return None
    rows = fleet.pop("mix")
    found = [part for number, row in enumerate(rows if isinstance(rows, list) else [rows])
             if (part := _part(row, f"fleet.mix[{number}]", errors))]
    total = sum(part.share for part in found)
    if not errors and abs(total - 1) > 0.005:
        errors.append(f"fleet.mix: the shares are {total:g} together, expected 1")
    return Mix(fleet.pop("devices"), tuple(found), **fleet) if not errors else None


def _part(row: Any, where: str, errors: list[str]) -> Part | None:
    part = read(row, where, _PART, errors)
    if part is None or not _speaks(part, where, errors):
        return None
    return Part(**part)


def _speaks(row: dict[str, Any], where: str, errors: list[str]) -> bool:
    kinds = DIALECTS[row["dialect"]].KINDS
    if row["kind"] not in kinds:
        errors.append(f"{where}.dialect: {row['dialect']!r}, which a {row['kind']} does not speak here; "
                      f"only {', '.join(kinds)}")
    return row["kind"] in kinds


def _devices(rows: Any, errors: list[str]) -> Iterator[DeviceSpec]:
    """One row is one device, or `count` of them whose ids end in -001, -002, …"""
    if rows is not None and not isinstance(rows, list):
        errors.append(f"devices: {rows!r}, expected a list of devices")
        return
    for number, row in enumerate(rows or []):
        where = f"devices[{number}]"
        device = read(row, where, _DEVICE, errors)
        if device is None or not _speaks(device, where, errors):
            continue
        count = device.pop("count")
        ids = [device["id"]] if count is None else [f"{device['id']}-{turn + 1:03d}" for turn in range(count)]
        for each in ids:
            yield DeviceSpec(**{**device, "id": each}, number=number)


def _happens(rows: Any, people: list[DeviceSpec] | None, errors: list[str]) -> tuple[Happening, ...]:
    if rows is not None and not isinstance(rows, list):
        errors.append(f"happens: {rows!r}, expected a list of rows with do, at and whom")
        return ()
    found = [happening for number, row in enumerate(rows or [])
             if (happening := _happening(row, f"happens[{number}]", people, errors))]
    return tuple(sorted(found, key=lambda happening: happening.at))


def _happening(row: Any, where: str, people: list[DeviceSpec] | None, errors: list[str]) -> Happening | None:
    what = row.get("do") if isinstance(row, dict) else None
    own = SCENARIO_EVENTS[what].fields if isinstance(what, str) and what in SCENARIO_EVENTS else {}
    got = read(row, where, {**_WHEN, **_WHO, **own}, errors)
    if got is None:
        return None
    happening = Happening(got["do"], got["at"], got["for"], got["over"], {field: got[field] for field in own},
                          {field: got[field] for field in _WHO})
    if got["count"] is not None and got["share"] is not None:
        errors.append(f"{where}: count and share, expected one of them")
    elif people is not None and not happening.cast(people, random.Random(0)):
        errors.append(f"{where}: {got['do']!r} befalls nobody: {_whom(happening, people)}")
    return happening


def _whom(happening: Happening, people: list[DeviceSpec]) -> str:
    meant = ", ".join(f"{field} {value}" for field, value in happening.who.items()
                      if value is not None and field not in ("count", "share"))
    fitting = [spec for spec in people if SCENARIO_EVENTS[happening.do].fits(spec)]
    feeders = len({spec.feeder for spec in people if spec.feeder})
    return (f"expected some of {len(fitting)} devices that it can befall ({feeders} feeders, "
            f"{len({spec.carrier for spec in people if spec.carrier})} carriers) to be {meant or 'there'}")
