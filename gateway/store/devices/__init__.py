"""Queries about devices: their states, notes, announced topics, bridges and connection losses, claimed or not."""
