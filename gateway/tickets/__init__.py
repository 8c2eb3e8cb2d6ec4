"""Tickets: life cycle, planning, provider offers, visits and promises. Pure."""
