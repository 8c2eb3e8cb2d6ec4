"""The console, as the people who work at it use it."""
