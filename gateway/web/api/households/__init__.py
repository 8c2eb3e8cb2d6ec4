"""Routes for customers, their sites and their people."""
