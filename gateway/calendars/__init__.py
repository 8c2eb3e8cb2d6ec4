"""Opening hours, quiet hours and arrival windows on a local clock. Pure."""
