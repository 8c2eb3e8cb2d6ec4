"""Queries for the shadow mode: the areas of what a message tells of, and what would have gone."""
