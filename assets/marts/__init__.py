"""Marts: the dbt project as assets, from staging views to the reporting tables downstream of the models."""
