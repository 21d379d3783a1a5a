"""Alerts: the list with its filters, one alert with its story, and what to do about it."""

from web.alerts import pages, verbs, views
from web.alerts.part import blueprint

__all__ = ["blueprint", "pages", "verbs", "views"]
