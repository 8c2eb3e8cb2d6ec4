"""API routes for what somebody at the desk should do."""
