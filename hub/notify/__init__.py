"""Tells people and machines of alerts: at least once, and never twice without need.

    alert_event ─> Planner ─> delivery (the outbox, on disk) ─> Courier ─> a sender

The planner turns what happened into deliveries, one for each step and route, in one
transaction with its position. A courier for each route sends what is due and marks it at
once when the other side has accepted it. A hub that dies between the two sends again: that
is the one case in which somebody is told twice.
"""
