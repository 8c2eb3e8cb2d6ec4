"""Visits as calendar programs read them (iCalendar, RFC 5545): a feed to subscribe to, and invites in a mail."""
