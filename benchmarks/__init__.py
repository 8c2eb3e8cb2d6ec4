"""Figures anybody can take again: each module prints one JSON line."""
