"""What follows when a ticket is closed: how it went, in the customer's words."""
