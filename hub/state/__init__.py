"""The state store: alerts, nodes, users, audit, and the hub's own bookkeeping.

SQLAlchemy over SQLite by default, PostgreSQL by its address; Alembic moves the schema.
"""
