"""A fleet that speaks MQTT only and never imports the gateway: what it says is all that the gateway can know."""
