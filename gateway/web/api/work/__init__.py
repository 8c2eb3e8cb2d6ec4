"""Routes for who does the work: providers, what they are offered, and their visits."""
