"""What whoever sits at the desk can do with a ticket now, should do next, and from which state their form was made."""
