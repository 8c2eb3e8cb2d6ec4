"""`python -m device_sim run SCENARIO --broker host:port`: plays a scenario against a broker."""

import argparse
import json
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from device_sim.fleet import Fleet, Truth
from device_sim.scenario import BadScenario, load


def main() -> None:
    asked = _parse()
    try:
        scenario = load(asked.scenario)
    except BadScenario as bad:
        sys.exit("\n".join(bad.errors))
    host, _, port = asked.broker.rpartition(":")
    if not port.isdecimal():
        sys.exit(f"--broker {asked.broker!r}: expected host:port")
    with ExitStack() as files:
        out = [sys.stdout if name == "-" else files.enter_context(open(name, "a", encoding="utf-8"))
               for name in asked.truth]
        fleet = Fleet(scenario, asked.seed, Truth(*out))
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if asked.hands:
            threading.Thread(target=_hands, args=(fleet, stop), daemon=True).start()
        try:
            report = fleet.play(host or "127.0.0.1", int(port), asked.speed, asked.seconds, stop)
        except OSError as error:
            sys.exit(f"no broker answers at {asked.broker}: {error}")
    if asked.json:
        print(json.dumps(report._asdict()))
    elif "-" not in asked.truth:
        print(", ".join(f"{value} {name}" for name, value in report._asdict().items()))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m device_sim", description=__doc__)
    run = parser.add_subparsers(required=True, metavar="run").add_parser("run", help="play a scenario")
    run.add_argument("scenario", type=Path, help="a YAML file, e.g. device_sim/scenarios/town.yaml")
    run.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    run.add_argument("--seed", type=int, default=7, help="the same seed is the same weather and noise")
    run.add_argument("--speed", type=float, default=1.0, help="simulated seconds in one second")
    run.add_argument("--seconds", type=float, help="stop after this many real seconds (default: Ctrl-C)")
    run.add_argument("--json", action="store_true", help="end with one JSON line of totals")
    run.add_argument("--truth", action="append", default=[], metavar="FILE",
                     help="append what really happened as JSON lines; - is standard output")
    run.add_argument("--hands", action="store_true", help="read lines `<device> <deed>` from standard input")
    return parser.parse_args()


def _hands(fleet: Fleet, stop: threading.Event) -> None:
    """The end of the input ends the play: whoever moved the hands is gone."""
    for line in sys.stdin:
        device, _, deed = line.strip().partition(" ")
        if device:
            fleet.hand(device, deed.strip())
    stop.set()


if __name__ == "__main__":
    main()
