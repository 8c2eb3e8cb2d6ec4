"""The web pages behind signed links, for customers, providers and technicians."""
