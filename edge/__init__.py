"""The agent on a camera or gateway: sees, decides on the device, and publishes records.

Imports wire, models, configs and health; never hub or web.
"""
