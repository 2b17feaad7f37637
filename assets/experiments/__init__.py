"""Experiments: which one is worth running next, when somebody asks."""
