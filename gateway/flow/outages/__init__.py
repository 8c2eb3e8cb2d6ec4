"""What people decide about outages."""
