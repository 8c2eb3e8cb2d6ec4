"""Read-only queries for the API, web pages, explanations and the export."""
