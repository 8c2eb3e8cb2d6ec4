"""Any stream of packets, cut anywhere, comes out of our reader as it comes out of paho's own.

SPLITS: how many streams; scripts/endurance tries a million."""

import os
from random import Random

import pytest

from tests.drivers.mqtt_packets import stream
from tests.drivers.two_readers import read_beside_paho, read_by_paho

SPLITS = int(os.environ.get("SPLITS", "2000"))
PARTS = 4  # run side by side
FEW = 0.2  # of the streams are read a few messages at a time


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(0 if SPLITS > 100_000 else 300)
def test_a_stream_cut_anywhere_is_what_paho_reads(version: str, part: int, random_seed: int) -> None:
    messages = itself = ended = 0
    for number in range(SPLITS // PARTS // 2):
        name = f"{random_seed} {version} {part} {number}"
        rng = Random(name)
        pieces, end = stream(rng, version)
        expected = read_by_paho(version, pieces, end)
        read = read_beside_paho(version, pieces, end, rng if rng.random() < FEW else None)
        assert read._replace(by_paho=0) == expected._replace(by_paho=0), (name, pieces, end)
        messages += len(expected.messages)
        itself += len(read.messages) - read.by_paho
        ended += expected.closed
    assert messages > itself > messages * 0.6, "hardly anything was read by our reader"
    assert ended
