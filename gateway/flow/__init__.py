"""The verbs receive, sweep, watch, act, deliver, housekeeping: each loads rows, asks pure code, applies its plan."""
