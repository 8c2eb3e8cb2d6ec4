"""Queries for screens of the console."""
