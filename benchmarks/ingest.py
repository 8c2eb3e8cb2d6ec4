"""Benchmark: messages through a real broker at QoS 1, judged and committed before they are acknowledged, and what a
bare paho client pays that only acknowledges them: `python -m benchmarks.ingest`.

Each round has a fresh broker and a fresh database: first the bare client receives everything, then the gateway does.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from benchmarks.figures import measured
from benchmarks.peers.bare_paho import bare_paho
from benchmarks.processor_time import Process, database_server
from benchmarks.real_time_setup import Scene, scene
from device_sim.load.generator import LoadReport, blast, heat_pumps

KEPT = "SELECT count(*) FROM reading"
PATIENCE_S = 60  # after the last publish


@dataclass
class Round:
    """From the first publish to the last acknowledgement, or the last commit."""

    messages_per_s: float
    cpu_us: float
    paho_cpu_us: float
    paho_per_s: float
    db_cpu_us: float | None  # of the database server; None: SQLite, or a server elsewhere
    rss_mb: float
    published_per_s: float
    kept: int
    distinct: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mqtt-version", default="3.1.1", choices=("3.1.1", "5"), help="of the gateway and of paho")
    parser.add_argument("--db", help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    parser.add_argument("--save", default="each second", choices=("each second", "each change"),
                        help="when the broker writes its queue to disk")
    asked = parser.parse_args()
    measured(messages=asked.messages)
    rounds = [one_round(asked) for _ in range(asked.rounds)]

    def median(of: Callable[[Round], float | None], digits: int = 1) -> float | None:
        values = [value for one in rounds if (value := of(one)) is not None]
        return round(statistics.median(values), digits) if values else None

    cpu, paho = median(lambda one: one.cpu_us), median(lambda one: one.paho_cpu_us)
    measured(kept=min(one.kept for one in rounds), cpu=cpu, paho_cpu=paho)
    print(json.dumps({
        "benchmark": "ingest", "db": "sqlite" if asked.db is None else "postgresql", "messages": asked.messages,
        "devices": asked.devices, "mqtt_version": asked.mqtt_version, "broker_saves": asked.save,
        "messages_per_s": median(lambda one: one.messages_per_s, 0), "cpu_us_per_message": cpu, "paho_cpu_us": paho,
        "ratio_cpu": round(cpu / paho, 2) if cpu and paho else None, "db_cpu_us": median(lambda one: one.db_cpu_us),
        "paho_per_s": median(lambda one: one.paho_per_s, 0), "rss_mb": max(one.rss_mb for one in rounds),
        "lost": sum(asked.messages - one.distinct for one in rounds),
        "duplicates": sum(one.kept - one.distinct for one in rounds),
        "published_per_s": median(lambda one: one.published_per_s, 0), "rounds": [asdict(one) for one in rounds],
    }))


def one_round(asked: argparse.Namespace) -> Round:
    with scene(asked.devices, asked.db, save=asked.save) as here:
        paho_cpu, paho_s = receive_only(here, asked.messages, asked.devices, asked.mqtt_version)
        with (here.gateway(settings={"GATEWAY_MQTT__VERSION": asked.mqtt_version}) as gateway,
              here.store.engine.connect() as connection):
            server = database_server(connection)
            cpu, db_cpu, begun = gateway.cpu_s, server.cpu_s if server else 0.0, time.perf_counter()
            report = publish(here, asked.messages, asked.devices)
            kept, seconds = wait_until_kept(connection, asked.messages, begun)
            cpu, db_cpu = gateway.cpu_s - cpu, server.cpu_s - db_cpu if server else 0.0
            distinct = here.count("SELECT count(*) FROM (SELECT DISTINCT device_id, seq FROM reading) AS d")
            measured(kept=distinct, acknowledged=report.acked)
            return Round(
                messages_per_s=round(distinct / seconds), cpu_us=micro(cpu, asked.messages),
                paho_cpu_us=micro(paho_cpu, asked.messages), paho_per_s=round(asked.messages / paho_s),
                db_cpu_us=micro(db_cpu, asked.messages) if server else None, rss_mb=round(gateway.peak_mb),
                published_per_s=round(report.acked / report.seconds), kept=kept, distinct=distinct)


def receive_only(here: Scene, messages: int, devices: int, version: str) -> tuple[float, float]:
    """(seconds of processor time, seconds) that a bare paho client takes for the same."""
    with bare_paho(here.mqtt_port, version, messages) as receiver:
        process, begun = Process(receiver.pid), time.perf_counter()
        cpu = process.cpu_s
        publish(here, messages, devices)
        receiver.wait_for("acknowledged")
        return process.cpu_s - cpu, time.perf_counter() - begun


def publish(here: Scene, messages: int, devices: int) -> LoadReport:
    topics, message = heat_pumps(devices)
    return blast("127.0.0.1", here.mqtt_port, topics, message, messages)


def wait_until_kept(connection: Connection, messages: int, begun: float) -> tuple[int, float]:
    """(readings, seconds since `begun`). To count costs the database time, so it does so ever more often towards the
    end, and not all the while."""
    published = time.perf_counter()
    kept = 0
    while True:
        kept = connection.execute(text(KEPT)).scalar() or 0
        connection.rollback()  # the next look is to see what has been committed since
        now = time.perf_counter()
        if kept >= messages or now > published + PATIENCE_S:
            return kept, now - begun
        rest = (messages - kept) * (now - begun) / max(kept, 1)
        time.sleep(min(max(rest / 2, 0.01), 0.5))


def micro(seconds: float, messages: int) -> float:
    return round(seconds / messages * 1e6, 1)


if __name__ == "__main__":
    main()
