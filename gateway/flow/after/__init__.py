"""Verbs for what comes after a fault: what customers are credited."""
