"""What a planner is handed: the rows around one thing that happened."""
