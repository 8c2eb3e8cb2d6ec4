"""One worker process of the load generator, controlled by JSON lines over standard input and output."""

import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from device_sim.load.generator import LoadFailed, Schedule, Sender, heat_pumps

PATIENCE = 1.0  # seconds past the end of the schedule for what is still behind


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    asked = json.loads(sys.argv[1])
    try:
        _say(_work(asked))
    except (LoadFailed, OSError) as error:
        _say({"failed": str(error)})
        sys.exit(1)


def _work(asked: dict[str, Any]) -> dict[str, Any]:
    """`asked`: host, port, devices, number (of this process), processes, rate and messages (its own), connections,
    inflight. Answers what LoadReport says, and tenths (of a ms late → messages), cpu_s, peak_mb."""
    topics, message = heat_pumps(asked["devices"], asked["number"], asked["processes"])
    sender = Sender(asked["host"], asked["port"], topics, asked["connections"], asked["inflight"])
    _say({"ready": len(topics)})
    starts = float(sys.stdin.readline())  # the monotonic clock is one for all processes of a machine
    cpu = time.process_time()
    report = sender.send(message, Schedule(asked["messages"], asked["rate"]), starts, PATIENCE,
                         lambda sent: _say({"so_far": sent}))
    return {**report._asdict(), "tenths": list(sender.late.tenths.items()), "cpu_s": time.process_time() - cpu,
            "peak_mb": peak_mb()}


def peak_mb() -> float:
    """The most memory this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux includes what the parent had before
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_048_576


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
