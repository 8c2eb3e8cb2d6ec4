"""Loads the facts of an explanation by the id of its subject."""

from gateway.store.views.explain.load import LOADERS, facts_of, profile_of
from gateway.store.views.explain.work import ticket_facts

__all__ = ["LOADERS", "facts_of", "profile_of", "ticket_facts"]
