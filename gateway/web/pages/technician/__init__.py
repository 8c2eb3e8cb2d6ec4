"""What the technician's phone sends: acts that arrive once, pictures, and where they are."""
