"""MQTT for the simulator: a minimal client, the event loop of thousands of connections, and a broker in memory."""
