"""Several messages that are due for one reader leave as one."""
