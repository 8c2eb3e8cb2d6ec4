"""Queries for what a customer reads of their own case."""
