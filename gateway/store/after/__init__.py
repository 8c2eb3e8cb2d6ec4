"""What is loaded when a ticket is closed."""
