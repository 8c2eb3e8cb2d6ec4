"""Looks at each installed broker so many times, and all looks must agree: `python -m tests.looks_at_brokers 50`."""

import re
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from gateway.broker import chosen, found_brokers, start_broker
from gateway.mqtt import probe
from gateway.mqtt.findings import BrokerReport
from gateway.settings import Mqtt


def main(looks: int) -> int:
    found = found_brokers()
    if looks < 1 or not found:
        print(f"looks: none at {list(found) or 'no broker'}")
        return 1
    agreed = True
    for kind in found:
        began = time.monotonic()
        with (tempfile.TemporaryDirectory() as folder,
              start_broker(Path(folder), find=partial(chosen, found, kind)) as broker):
            said = Counter(_without_counts(probe(Mqtt(port=broker.port), ours=True)) for _ in range(looks))
        agreed &= len(said) == 1
        print(f"broker {kind}: {max(said.values())} of {looks} looks say the same in {time.monotonic() - began:.0f} s"
              + "".join(f"\n  {times}: {words}" for words, times in said.items() if len(said) > 1), flush=True)
    return 0 if agreed else 1


def _without_counts(report: BrokerReport) -> str:
    """How many messages it had the time for is no verdict."""
    return re.sub(r"\d[\d,]*", "N", "; ".join(f"{finding.kind}: {finding.text}" for finding in report.findings))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
