"""Routes for who may use the gateway, and what they did."""
