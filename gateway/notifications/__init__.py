"""Notifications: every kind of message, whether it is still true, and when and on which contact it is sent."""
