"""The console: what the control room sees and does. Reads the hub's stores, never MQTT."""
