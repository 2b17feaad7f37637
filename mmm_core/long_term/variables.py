"""What the long term calls its variables: a module of its own, so that returns need no code of a short-term model."""

BASE = "base"
"""Base sales, beside the metrics, which keep their own names."""

UNIT_ROOT = "--unit-root, long_term.unit_root or differenced="
"""Where one says that a variable wanders: of `mmm bvar`, of a model, of a fit, as messages are read by all three."""
