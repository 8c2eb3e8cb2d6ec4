"""Benchmark: a recorded storm of 4,854 power cuts in five days, replayed through the whole gateway.

    python -m benchmarks.storm                 # forty minutes; --share 0.1 for a tenth of the circuits

The data (start, last seen, place, circuit, device that opened, customers, cause) is read from
../shared/data/outages-2024-02.csv beside the repository. One home with one device for each customer of a cut (one
where it says none), and `--healthy` around it that keep their power: they hang in the same circuit, and not below the
device that opened. A cut is the will of its homes at `start`, and their birth at `last_seen`. Everybody says that it is
there once an hour (with a message a minute it would be 400 million), so silence is missed after three hours; the
broker's word counts after 60 s.
"""
