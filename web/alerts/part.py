"""The blueprint that the alerts' pages and verbs share."""

from flask import Blueprint

blueprint = Blueprint("alerts", __name__, template_folder="templates")
HOURS = ("1", "4", "24", "168")
"""For how long an alert's page offers to mute its rule."""
