"""Benchmark: brokers at QoS 1, what they acknowledge and what a kill -9 of them loses: `python -m benchmarks.brokers`.

One JSON line for each setting. `away`: the subscriber's session is kept and it is not there, so the broker alone has
the messages. `here`: it is there and acknowledges at once. `lost`: acknowledged to the publisher, and never came.
`doubled`: came again although the subscriber had acknowledged it. A kill -9 is no power cut: what a broker has written
and not yet synced to the disk survives it.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.brokers.brokers import SETTINGS, Broker, version_of
from benchmarks.brokers.traffic import Gone, Subscriber, Traffic, say_last
from benchmarks.figures import measured, percentile
from gateway.mqtt.local_broker import installed_brokers

EARLIEST, LATEST = 0.5, 4.5  # seconds of traffic before the kill
QUIET = 0.5  # seconds without a message after the last one


class Rate(NamedTuple):
    per_s: float
    cpu_us: float  # of the broker, per message
    messages: int


class Kill(NamedTuple):
    """What one kill -9 did."""

    acknowledged: int  # to the publishers
    lost: int
    doubled: int
    started_s: float  # until the broker let somebody in again
    came_s: float  # from then until the last message had come


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", help=f"of {', '.join(SETTINGS)} (default: all)")
    parser.add_argument("--messages", type=int, default=100_000, help="at most, in each measurement of speed")
    parser.add_argument("--seconds", type=float, default=8.0, help="at most, in each measurement of speed")
    parser.add_argument("--connections", type=int, default=50, help="devices that publish")
    parser.add_argument("--window", type=int, default=20, help="messages that each has under way")
    parser.add_argument("--kills", type=int, default=8, help="with the subscriber away, and again with it here")
    parser.add_argument("--seed", type=int, default=17)
    asked = parser.parse_args()
    unknown = set(asked.settings) - set(SETTINGS)
    if unknown:
        parser.error(f"no such setting: {', '.join(sorted(unknown))}")
    there = installed_brokers()
    names = [name for name in asked.settings or SETTINGS if SETTINGS[name].kind in there]
    measured(brokers_installed=len(names), messages=asked.messages)
    for name in names:
        print(json.dumps(_figures(name, asked)), flush=True)


def _figures(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {"benchmark": "brokers", "setting": name, "version": version_of(SETTINGS[name].kind),
                               "connections": asked.connections, "window": asked.window, "seed": asked.seed}
    acknowledged = 0
    for here in (False, True):
        where = "here" if here else "away"
        rate = _in_folder(name, lambda broker: _rate(broker, asked, here))  # noqa: B023
        dice = random.Random(f"{asked.seed} {where}")
        kills = [_in_folder(name, lambda broker: _kill(broker, asked, here, after))  # noqa: B023
                 for after in (dice.uniform(EARLIEST, LATEST) for _ in range(asked.kills))]
        acknowledged += rate.messages + sum(kill.acknowledged for kill in kills)
        figures |= {f"{where}_{what}": value for what, value in _said(rate, kills).items()}
    measured(acknowledged=acknowledged)
    return figures | {"acknowledged": acknowledged}


def _said(rate: Rate, kills: list[Kill]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {
        "per_s": round(rate.per_s), "cpu_us": round(rate.cpu_us, 1), "messages": rate.messages, "kills": len(kills)}
    if kills:
        lost, doubled = [kill.lost for kill in kills], [kill.doubled for kill in kills]
        figures |= {
            "acknowledged_median": percentile((kill.acknowledged for kill in kills), 0.5),
            "lost_median": percentile(lost, 0.5), "lost_worst": max(lost), "lost_in_kills": sum(map(bool, lost)),
            "doubled_median": percentile(doubled, 0.5), "doubled_worst": max(doubled),
            "started_s_worst": round(max(kill.started_s for kill in kills), 2),
            "came_s_worst": round(max(kill.came_s for kill in kills), 1)}
    return figures


def _in_folder(name: str, measure: Any) -> Any:
    """With a new broker, whose files are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    broker = Broker(SETTINGS[name], folder / "data")
    try:
        broker.start()
        return measure(broker)
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _rate(broker: Broker, asked: argparse.Namespace, here: bool) -> Rate:
    traffic = _traffic(broker, asked, here)
    cpu = broker.cpu_s
    seconds = traffic.run(asked.messages, asked.seconds)
    cpu = broker.cpu_s - cpu
    count = traffic.acknowledged
    traffic.close()
    return Rate(count / seconds, cpu / count * 1e6, count)


def _traffic(broker: Broker, asked: argparse.Namespace, here: bool) -> Traffic:
    subscriber = Subscriber(broker.port, subscribe=True)
    if not here:
        subscriber.leave()
    return Traffic(broker.port, asked.connections, asked.window, subscriber if here else None)


def _kill(broker: Broker, asked: argparse.Namespace, here: bool, after: float) -> Kill:
    """Kills the broker `after` so many seconds of full traffic, starts it on the same data, and reads everything."""
    traffic = _traffic(broker, asked, here)
    with suppress(Gone, OSError):
        traffic.run_until(time.monotonic() + after)
    broker.kill()
    traffic.read_what_is_left()
    acknowledged = {number for publisher in traffic.publishers for number in publisher.acknowledged}
    before = traffic.subscriber
    started = broker.start()
    subscriber = Subscriber(broker.port)
    known = before.came.keys() if before else set()
    missing = acknowledged - known
    came_s = _read_everything(broker, subscriber, missing) if subscriber.resumed else 0.0
    settled = before.acknowledged if before else set()
    again = sum(times - (number not in settled) for number, times in subscriber.came.items() if number < traffic.sent)
    return Kill(len(acknowledged), len(missing - subscriber.came.keys()), again, started, came_s)


def _read_everything(broker: Broker, subscriber: Subscriber, missing: set[int]) -> float:
    """Until nothing is missing, or nothing has come for long. Returns the seconds until the last one that counts."""
    reader = Traffic(broker.port, 0, 1, subscriber)
    last, began = say_last(broker.port), time.monotonic()
    latest = began
    while True:
        whole = subscriber.last and missing <= subscriber.came.keys()
        if reader.turn(0.1):
            latest = time.monotonic()
        elif time.monotonic() - latest > (QUIET if whole else broker.setting.patience):
            break
    last.close()
    return latest - began


if __name__ == "__main__":
    main()
