"""API routes for what comes after a fault: goodwill, and what customers say."""
