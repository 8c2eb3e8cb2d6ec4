"""What a local firm's own page shows and keeps: its links, its visits for a calendar, its track record case by case."""
