"""The recommended budget."""
