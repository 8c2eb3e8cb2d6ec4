"""The verbs: receive, sweep, watch, act, deliver, and housekeeping. Each loads, asks pure code, and applies."""
