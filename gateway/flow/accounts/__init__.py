"""Who signs in: users, their sessions and second factors, and what is written down of what they do."""
