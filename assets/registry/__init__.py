"""The model registry: versions, and which one is live."""
