"""API routes about ringing people: what an agent needs for a call, and whom a technician's PIN connects with."""
