"""Sites, and what is open at them."""
