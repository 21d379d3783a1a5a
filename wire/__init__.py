"""The contract between edge and hub: topics, records, codec and the MQTT connection.

Imports nothing of the other rooms, so that an edge, a hub and a third party's
client can each depend on it alone.
"""
