"""Walks by volunteers past checkpoints.

`plans` says when there is a walk, `signup` who comes, `checkin` what they saw, `walks` what pages
show, `upkeep` what time does: checkpoints that nobody reached, and the end of records.
"""
