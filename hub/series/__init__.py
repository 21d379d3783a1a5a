"""The series store: records, signals, health and alerts over time, behind one interface."""
