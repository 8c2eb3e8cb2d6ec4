"""Messages that failed, looked at again."""
