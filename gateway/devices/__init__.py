"""What speaks: dialects, mappings and profiles, and what the broker is told about devices. Pure."""
