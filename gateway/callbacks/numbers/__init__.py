"""Which number somebody rings: that of a home, of a rescue service, or of our bridge; and who has looked at one."""
