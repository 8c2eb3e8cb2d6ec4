"""A local firm's own page, its calendars and its job sheets."""
