"""Queries about what belongs to a visit."""
