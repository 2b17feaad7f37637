"""A first model for a table nobody has described: which column is what, why, and the YAML that follows."""
