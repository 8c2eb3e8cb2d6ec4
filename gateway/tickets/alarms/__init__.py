"""Alarms: raised, suppressed, fixed remotely, escalated, cleared or withdrawn. Pure."""
