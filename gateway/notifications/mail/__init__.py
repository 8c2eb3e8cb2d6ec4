"""What a mail shows around and beside the words of its letter."""
