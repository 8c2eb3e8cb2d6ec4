"""A simulated fleet of MQTT devices to test the gateway with; it never imports the gateway."""
