"""Starts the gateway: settings, store, channels, MQTT listener, scheduler and web server."""
