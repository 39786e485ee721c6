"""Alembic's environment: the steps from every older schema to the newest."""
