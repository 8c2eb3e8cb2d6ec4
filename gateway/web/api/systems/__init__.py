"""Routes for other systems: what they call things, and what has changed."""
