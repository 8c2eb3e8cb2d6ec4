"""What becomes of an alarm: raised, suppressed, tried remotely, worse, over, or withdrawn. Pure."""
