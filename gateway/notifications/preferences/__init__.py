"""What each person has chosen to be told: when, how much, on which contact, and the links with which they choose."""
