"""Queries about messages that are finished."""
