"""What is done for a visit beside the acts about it."""
