"""Households: who moves out and in, and what has to be thought of first at a home."""
