"""What others need for the same work, measured beside the gateway in one run."""
