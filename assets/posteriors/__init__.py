"""Posteriors and their review."""
