"""How fast customers' pages are, and how many can stay open and up to date."""
