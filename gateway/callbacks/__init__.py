"""Callbacks: somebody pressed a button and waits for a call."""
