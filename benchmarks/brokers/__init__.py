"""Benchmark: how fast brokers acknowledge, and how much of that a kill -9 of the broker loses."""
