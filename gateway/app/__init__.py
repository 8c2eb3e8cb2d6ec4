"""Where the parts become a running gateway: settings → store → channels → the roles, and the clock that wakes them."""
