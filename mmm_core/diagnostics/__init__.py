"""Whether to believe a posterior, and how far."""
