"""The verbs receive, sweep, watch, act, deliver, housekeeping, administer: each loads rows, asks pure code, applies
its plan."""
