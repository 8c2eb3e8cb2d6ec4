"""Who is asked to come, in which order, and what follows from the answers."""
