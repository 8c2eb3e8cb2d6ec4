"""What is done for a household by whoever belongs to it, or by the desk."""
