"""Contributions, returns and response curves."""
