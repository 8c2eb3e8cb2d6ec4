"""Queries for the people at the desk: what is wrong now, who waits for a call, and who calls during an outage."""
