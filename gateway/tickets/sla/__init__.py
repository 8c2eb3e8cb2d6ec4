"""SLA clocks and the policies that set them."""
