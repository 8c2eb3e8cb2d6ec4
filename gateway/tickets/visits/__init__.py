"""A visit from the planned arrival window to its outcome."""
