"""What the long term calls its variables: a module of its own, so that returns need no code of a short-term model."""

BASE = "base"
"""Base sales, beside the metrics, which keep their own names."""
