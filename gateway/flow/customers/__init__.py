"""What customers do on their pages."""
