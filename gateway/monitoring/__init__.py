"""How the gateway is: its log, what it counts, and whether it can do its work."""
