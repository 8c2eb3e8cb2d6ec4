"""How fast the console is for those who work in it, and what it costs while the gateway is busy with messages."""
