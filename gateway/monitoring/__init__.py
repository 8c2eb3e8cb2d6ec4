"""Monitoring of the gateway itself: logs, Prometheus metrics and health."""
