"""Queries about accounts: users, sessions, API keys and the audit log."""
