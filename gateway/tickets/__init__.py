"""A ticket's life."""
