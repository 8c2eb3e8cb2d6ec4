"""Stored readings: read for a backtest, and on PostgreSQL kept in partitions by time."""
