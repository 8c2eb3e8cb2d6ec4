"""What people are told: every kind of message, whether it is still true, and on which contact and when it goes."""
