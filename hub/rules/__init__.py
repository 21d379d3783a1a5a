"""Rules: thresholds on the signals of a place, in time. Pure: no clock, no store."""
