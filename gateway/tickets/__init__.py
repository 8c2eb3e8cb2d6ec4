"""Tickets, their offers and their visits."""
