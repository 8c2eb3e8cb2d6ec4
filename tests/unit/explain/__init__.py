"""Tests of gateway/explain."""
