"""`gateway backtest`: tries rules on recorded readings before they are used."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.progress import Progress

from gateway.app.check import load_fleet
from gateway.backtest import (
    BadTruth,
    Episode,
    Outcome,
    Place,
    Report,
    as_json,
    build_report,
    compare,
    listening_gaps,
    read_truth,
    score_rules,
)
from gateway.cli.backtest_tables import show
from gateway.cli.backtest_workers import (
    Pair,
    ProfileTexts,
    Trial,
    WorkerPool,
    batches,
    compile_profiles,
    replay_batch,
    worker_pool,
)
from gateway.cli.common import Config, err, errors_as_messages, settings_from
from gateway.cli.readings_file import BadHistory, History, joined, parts, read_part, unreadable_lines
from gateway.config.settings import Settings
from gateway.devices.profiles import BadProfile
from gateway.model import Instant, from_iso
from gateway.store import Store, sqlite_path
from gateway.store.readings import history as kept

PATIENCE = 2.0  # seconds before a progress bar appears
FEW = 4_000_000  # bytes of history, below which other processes are not worth their start
FEW_DEVICES, DEVICES_AT_ONCE, BYTES_AT_ONCE = 20, 20, 1_000_000
DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


class BadTrial(Exception):
    """A backtest that cannot be run as requested; `errors` has one line for each reason."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass
class LoadedReadings:
    """The readings to replay: of which devices, until when, and what was left out."""

    places: list[Place]
    packed: dict[str, bytearray] | None
    end: Instant
    listening_gaps: list[tuple[Instant, Instant]]
    left_out: int = 0  # devices of profiles that are not on trial
    skipped: int = 0  # lines that could not be read
    errors: list[str] | None = None  # … the first of them


def backtest(
        profile: Annotated[Path, typer.Option(help="The profile to try, or a folder of them.")],
        history: Annotated[str, typer.Option(
            help="FILE.jsonl, FILE.csv or a database's URL; left out: the gateway's own readings.")] = "",
        since: Annotated[str, typer.Option(help="From this day or time on, e.g. 2026-11-01.")] = "",
        until: Annotated[str, typer.Option(help="Up to and without this day or time.")] = "",
        truth: Annotated[Path | None, typer.Option(help="What was really so, as `device_sim` writes it.")] = None,
        fleet: Annotated[Path | None, typer.Option(
            help="Whose the devices of a file are; left out: each has a home of its own.")] = None,
        strict: Annotated[bool, typer.Option("--strict", help="Stop at the first line that cannot be read.")] = False,
        json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
        config: Config = None) -> None:
    """Try rules on real readings: alarms, tickets, messages, truck rolls, and what differs from the rules in force."""
    with errors_as_messages(BadTrial, BadHistory, BadTruth):
        settings = settings_from(config)
        span = instant("--since", since), instant("--until", until)
        said = read_truth(truth.read_bytes().splitlines(), str(truth)) if truth is not None else None
        new = _read_profile_texts(profile)
        trial = Trial(new, *_in_force(settings, new), settings.service, _url(history, settings), *span)
        began = time.monotonic()
        with worker_pool(trial, _is_small(history, trial)) as pool:
            loaded = _load_readings(pool, trial, history, fleet, strict)
            with _bar("replaying") as bar:
                pairs = _replay(pool, loaded, bar)
        _answer(trial, loaded, pairs, said, time.monotonic() - began, json)


def _answer(trial: Trial, loaded: LoadedReadings, pairs: list[Pair], said: list[Episode] | None, took: float, json: bool
            ) -> None:
    report = build_report((new for new, _ in pairs), loaded.end)
    in_force = _in_force_report(trial, loaded, pairs)
    differences = [] if in_force is None else compare(in_force.alarms, report.alarms)
    scores = None if said is None else score_rules(report.alarms, said, [new.device for new, _ in pairs], loaded.end)
    for error in loaded.errors or []:
        err.print(f"[yellow]![/] {escape(error)}")
    if loaded.skipped:
        err.print(f"[yellow]![/] {loaded.skipped} lines could not be read and were skipped")
    if json:
        found = as_json(report, in_force, differences, scores)
        print(orjson.dumps({**found, "seconds": round(took, 2), "lines_skipped": loaded.skipped,
                            "devices_left_out": loaded.left_out}).decode())
    else:
        show(report, in_force, differences, scores, left_out=loaded.left_out, took=took)


def _in_force_report(trial: Trial, loaded: LoadedReadings, pairs: list[Pair]) -> Report | None:
    """The report of the rules in force on the same readings; None: no profile of these ids is in force."""
    if not trial.old and not trial.same:
        return None
    outcomes = []
    for place, (new, old) in zip(loaded.places, pairs, strict=True):
        alike = new if place.profile in trial.same else Outcome(new.device, new.customer, new.readings)
        outcomes.append(old if old is not None else alike)
    return build_report(outcomes, loaded.end)


def _replay(pool: WorkerPool, loaded: LoadedReadings, bar: Callable[[int, int], None]) -> list[Pair]:
    size = DEVICES_AT_ONCE if loaded.packed is None else BYTES_AT_ONCE
    jobs = batches(loaded.places, loaded.packed, loaded.end, loaded.listening_gaps, size)
    return [pair for pairs in pool.each(replay_batch, jobs, lambda done: bar(done, len(jobs))) for pair in pairs]


def _load_readings(pool: WorkerPool, trial: Trial, history: str, fleet: Path | None, strict: bool) -> LoadedReadings:
    profiles = sorted(compile_profiles(trial.new))
    if trial.url is not None:
        return _from_database(trial, profiles)
    path = Path(history)
    pieces = parts(path, trial.since, trial.until)
    with _bar("reading") as bar:
        found = joined(path, pool.each(read_part, pieces, lambda done: bar(done, len(pieces))), strict)
    places = _places(found, fleet, profiles)
    loaded = LoadedReadings([place for place in places if place.profile in profiles], found.devices,
                            _end(found.last, trial.until), listening_gaps(found.minutes, len(found.devices)),
                            skipped=found.bad, errors=unreadable_lines(path, found))
    loaded.left_out = len(found.devices) - len(loaded.places)
    return loaded


def _from_database(trial: Trial, profiles: list[str]) -> LoadedReadings:
    assert trial.url is not None
    store = Store(trial.url)
    try:
        with store.read() as session:
            places = kept.places(session)
            last, count, minutes = kept.time_range(session, trial.since, trial.until)
    finally:
        store.close()
    if not count:
        raise BadTrial(["the database holds no readings of that time — expected some; see readings_days"])
    wanted = [place for place in places if place.profile in profiles]
    if not wanted:
        raise BadTrial([f"no device has the profile {' or '.join(profiles)} — it is the field profile in the file"])
    return LoadedReadings(wanted, None, _end(last, trial.until), listening_gaps(minutes, len(places)),
                          len(places) - len(wanted))


def _end(last: Instant, until: Instant | None) -> Instant:
    """When the replay's clock stops: at the last reading at the latest."""
    return last if until is None else min(last, until)


def _places(found: History, fleet: Path | None, profiles: list[str]) -> list[Place]:
    """The sites and customers of the devices; without a fleet file each device has its own."""
    if fleet is None:
        if len(profiles) > 1:
            raise BadTrial(["several profiles are on trial — expected --fleet, which says which device has which"])
        return [Place(device, profiles[0], device, device, f"native:{device}") for device in sorted(found.devices)]
    loaded = load_fleet(fleet, None, None)
    sites = {site.id: site for site in loaded.sites}
    return [Place(device.id, device.profile, device.site, sites[device.site].customer, key=device.key, name=device.name,
                  timezone=sites[device.site].timezone or "UTC")
            for device in sorted(loaded.devices, key=lambda one: one.id) if device.id in found.devices]


def _url(history: str, settings: Settings) -> str | None:
    url = history or settings.database_url
    if not url.startswith(DATABASES):
        if not Path(history).is_file():
            raise BadTrial([f"--history: {history!r} is no file — expected FILE.jsonl, FILE.csv or a database's URL"])
        return None
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise BadTrial([f"--history: there is no database {path} — expected one, or a file of readings"])
    return url


def _is_small(history: str, trial: Trial) -> bool:
    if trial.url is None:
        return Path(history).stat().st_size < FEW
    store = Store(trial.url)
    try:
        with store.read() as session:
            return len(kept.places(session)) < FEW_DEVICES
    finally:
        store.close()


def _read_profile_texts(path: Path) -> ProfileTexts:
    files = sorted(one for one in path.glob("*") if one.suffix in (".yaml", ".yml")) if path.is_dir() else [path]
    if not files:
        raise BadTrial([f"--profile: no *.yaml in {path} — expected a profile, or a folder of them"])
    return tuple((file.read_text(encoding="utf-8"), str(file)) for file in files)


def _in_force(settings: Settings, new: ProfileTexts) -> tuple[ProfileTexts, frozenset[str]]:
    """The gateway's own profiles of the same ids: the texts that differ, and the ids of those that do not."""
    texts = {id: text for text, file in new for id in compile_profiles(((text, file),))}
    old, same = [], set()
    for one in _read_profile_texts(settings.profiles) if settings.profiles.is_dir() else ():
        with suppress(BadProfile):  # `gateway check` says so; here it only means that there is nothing to compare with
            (id,) = compile_profiles((one,))
            if texts.get(id) == one[0]:
                same.add(id)
            elif id in texts:
                old.append(one)
    return tuple(old), frozenset(same)


def instant(option: str, text: str) -> Instant | None:
    if not text:
        return None
    try:
        return from_iso(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise BadTrial([f"{option}: {text!r} — expected a day such as 2026-11-01 (UTC), or a time with an offset such "
                        "as 2026-11-01T08:00:00+01:00"]) from error


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    began = time.monotonic()
    with Progress(console=err, transient=True, auto_refresh=False, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, visible=False)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=time.monotonic() - began > PATIENCE, refresh=True)

        yield tell

