"""Entry points that run in a process of their own, started through Dagster Pipes."""
