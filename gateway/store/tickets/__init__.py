"""Queries for what runs beside a ticket: promises and SLA clocks."""
