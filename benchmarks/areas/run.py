"""Runs one simulated town through a whole gateway, from the first MQTT message to the last notification."""

import random
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.areas.counts import Size, Tally
from benchmarks.areas.devices import Devices
from benchmarks.areas.gateway_results import read
from benchmarks.areas.power_cuts import Cut, Plan, draw, losses
from benchmarks.areas.scoring import Verdict
from benchmarks.areas.times import HOUR, MINUTE, ms
from benchmarks.areas.town import Town, build, fleet
from benchmarks.gateway_files import PROFILES, move_in, settle
from benchmarks.simulated_time import DEAD, STARTED, Day
from device_sim.mqtt.memory_broker import Subscriber
from gateway.flow.act import add_maintenance
from gateway.model import Actor, ActorKind, MaintenanceWindow

WINDOW = 1000  # ms of wills and births that are one batch: a look for each would take three times as long


class Run(NamedTuple):
    """What became of one town."""

    tallies: dict[Size, Tally]
    wrongs: list[dict[str, Any]]
    cuts: int
    homes: int
    planned: int  # cuts on purpose, in time
    operator: Counter[str]
    messages: int
    seconds: float  # of computing


def play(seed: int, streets: int, hours: float, kills: int, patience: int, folder: Path) -> Run:
    """`hours` in which cuts begin, `patience` in ms; the gateway's files are in `folder`."""
    rng = random.Random(f"areas/{seed}")
    town = build(rng, streets)
    plan = draw(town, rng, hours, kills)
    house = settle(folder, PROFILES)
    began = time.monotonic()
    move_in(house, fleet(town), STARTED)
    devices = Devices(town.homes, Subscriber(house.filters), rng, [at for at, _ in plan.deaths])
    day = Day(house, devices, STARTED, patience, WINDOW)
    _arrange(town, plan, devices, day, rng)
    _live(plan, devices, day)
    said = read(day)
    verdict = Verdict(town, plan, said)
    verdict.judge()
    run = Run(verdict.tallies, verdict.wrongs, len(plan.cuts), len(town.homes),
              sum(cut.kind == "planned" for cut in plan.cuts), said.operator, day.messages, time.monotonic() - began)
    day.close()
    return run


def _arrange(town: Town, plan: Plan, devices: Devices, day: Day, rng: random.Random) -> None:
    """Puts everything on the agenda."""
    for cut in plan.cuts:
        _arrange_cut(town, cut, devices)
        if cut.announced:
            day.at(ms(cut.start - HOUR), partial(_announce, day, cut))
    for loss in losses(town.homes, plan.until, rng):
        home = town.homes[loss.home]
        home.alone.append((loss.at, loss.at + loss.lasts))
        devices.at(loss.at, partial(devices.off, home, loss.reason))
        devices.at(loss.at + loss.lasts, partial(devices.on, home, loss.reason))
    for at, seconds in plan.deaths:
        day.at(ms(at), partial(_kill_the_broker, devices, day, seconds))


def _arrange_cut(town: Town, cut: Cut, devices: Devices) -> None:
    reason = f"cut-{cut.number}"
    devices.at(cut.start, partial(_go_dark, town, cut, devices, reason))
    for home, back in cut.backs.items():
        devices.at(back, partial(devices.on, town.homes[home], reason))
    if cut.again is not None:
        for home in cut.backs:
            devices.at(cut.again, partial(devices.off, town.homes[home], reason))
            devices.at(cut.again_back, partial(devices.on, town.homes[home], reason))


def _go_dark(town: Town, cut: Cut, devices: Devices, reason: str) -> None:
    cut.live = {street: sum(home.live for home in town.of(street)) for street in cut.streets}
    for one in cut.homes:
        home = town.homes[one]
        if home.live:
            cut.dark.append(one)
        devices.off(home, reason)


def _announce(day: Day, cut: Cut) -> None:
    add_maintenance(day.gw, MaintenanceWindow(
        id=f"M-{cut.number}", area_id=cut.area, from_at=ms(cut.start - 5 * MINUTE), until_at=ms(cut.announced_until),
        created_at=day.now, words={}), Actor(ActorKind.AGENT, "somebody"), day.now)


def _kill_the_broker(devices: Devices, day: Day, seconds: float) -> None:
    devices.kill_the_broker()
    day.lose_link(seconds)
    devices.away.append((devices.t, devices.t + seconds + 15))
    devices.at(devices.t + seconds, devices.start_the_broker)


def _live(plan: Plan, devices: Devices, day: Day) -> None:
    """To the end, with the gateway killed on the way."""
    for at in sorted(plan.kills):
        day.run(ms(at))
        devices.away.append((at, at + DEAD))
        day.kill(DEAD)
    day.run(ms(plan.until))
    for home in devices.homes.values():
        if home.reasons:
            home.spells[-1].known = devices.known(home)
