"""Queries for what customers do on their pages."""
