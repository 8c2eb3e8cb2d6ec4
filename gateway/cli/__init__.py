"""The command line's parts: what every command shares, and the commands about devices."""
