"""Command line of the device simulator: `python -m device_sim run|fleet|score|load …`."""

import argparse
import importlib
import json
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TextIO

from device_sim.fleet_file import fleet_yaml
from device_sim.ground_truth import Truth
from device_sim.journal import Lines as Journal
from device_sim.progress import watching
from device_sim.real_time_run import OWN, RealTimeRun, Report
from device_sim.scenario import BadScenario, Scenario, load

ELSEWHERE = {"score": "device_sim.scoring.command", "load": "device_sim.load.command"}  # imported when asked for


def main(words: Sequence[str]) -> None:
    """What is asked for is done; SystemExit says what is wrong, a line for each thing."""
    if words and words[0] in ELSEWHERE:
        importlib.import_module(ELSEWHERE[words[0]]).main(words[1:])
        return
    asked = _parse(words)
    try:
        scenario = load(asked.scenario, asked.devices)
        if asked.what == "fleet":
            print(fleet_yaml(scenario), end="")
            return
        report = _run(asked, scenario)
    except BadScenario as bad:
        sys.exit("\n".join(bad.errors))
    if asked.json:
        print(json.dumps(report._asdict()))
    elif asked.journal != "-":
        print(", ".join(f"{value} {name}" for name, value in report._asdict().items()))


def _run(asked: argparse.Namespace, scenario: Scenario) -> Report:
    host, _, port = asked.broker.rpartition(":")
    if not port.isdecimal():
        raise BadScenario([f"--broker {asked.broker!r}: expected host:port"])
    if not 0 < asked.speed <= 1_000_000:
        raise BadScenario([f"--speed {asked.speed}: expected simulated seconds in one second, above 0"])
    with ExitStack() as files:
        truth = _open(files, asked.truth, "w")
        journal = sys.stdout if asked.journal == "-" else _open(files, asked.journal, "a")
        play = RealTimeRun(scenario, asked.seed, Truth(truth), Journal(journal), asked.own)
        for number in (signal.SIGTERM, signal.SIGINT):
            files.callback(signal.signal, number, signal.signal(number, lambda *_: play.stop()))
        if asked.hands:
            threading.Thread(target=_hands, args=(play,), daemon=True).start()
        with watching(scenario.name) as watch:
            try:
                return play.run(host.strip("[]") or "127.0.0.1", int(port), asked.speed, asked.seconds, watch)
            except OSError as error:
                raise BadScenario([f"no broker answers at {asked.broker}: {error}"]) from error


def _open(files: ExitStack, name: str | None, mode: Literal["a", "w"]) -> TextIO | None:
    try:
        return files.enter_context(open(name, mode, encoding="utf-8")) if name else None
    except OSError as error:
        raise BadScenario([f"{name}: {error.strerror}, expected a file that can be written"]) from error


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m device_sim", description=__doc__,
                                     epilog="score and load have their own --help; docs/simulator.md tells the rest")
    commands = parser.add_subparsers(required=True, dest="what", metavar="run|fleet|score|load")
    run = commands.add_parser("run", help="play a scenario against a broker")
    fleet = commands.add_parser("fleet", help="print the fleet file for `gateway import`")
    for name in ELSEWHERE:
        commands.add_parser(name, help={"score": "compare a truth file with what a gateway found",
                                        "load": "publish as fast as a broker takes it"}[name])
    for command in (run, fleet):
        command.add_argument("scenario", type=Path, help="a YAML file, or the name of a shipped one: feeder-outage")
        command.add_argument("--devices", type=int, help="another size for the scenario's fleet")
    run.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    run.add_argument("--seed", type=int, default=7, help="the same seed is the same weather, noise and misfortune")
    run.add_argument("--speed", type=float, default=1.0, help="simulated seconds in one second")
    run.add_argument("--seconds", type=float, help="stop after this many real seconds (default: when it is over)")
    run.add_argument("--own", type=int, default=OWN, metavar="N",
                     help=f"with more clients than this they share connections (default {OWN})")
    run.add_argument("--json", action="store_true", help="end with one JSON line of totals")
    run.add_argument("--truth", metavar="FILE", help="write what truly happened as JSON lines")
    run.add_argument("--journal", metavar="FILE", help="append what is done to devices, as it happens; - prints it")
    run.add_argument("--hands", action="store_true", help="read lines `<device> <deed>` from standard input")
    return parser.parse_args(words)


def _hands(play: RealTimeRun) -> None:
    """The end of the input ends the play: whoever moved the hands is gone."""
    for line in sys.stdin:
        device, _, deed = line.strip().partition(" ")
        if device:
            play.hand(device, deed.strip())
    play.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
