"""Who is next where only one can be: the one writer of SQLite, the work at a site on PostgreSQL."""
