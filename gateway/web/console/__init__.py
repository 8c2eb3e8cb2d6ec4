"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""
