"""Queries about one outage that a person decides on."""
