"""Devices: the dialects and mappings that decode them, their profiles, and their access to the broker. Pure."""
