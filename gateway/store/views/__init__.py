"""What is read for people: API lists, pages, explanations and the export."""
