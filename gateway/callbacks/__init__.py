"""Callbacks: a customer pressed a button and waits for a telephone call."""
