"""The load generator: publishes on a schedule from several processes, and reports how far it fell behind."""
