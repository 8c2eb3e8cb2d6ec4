"""The verbs, one file each: receive, sweep, watch, act, deliver … each loads rows, asks pure code, applies its plan."""
