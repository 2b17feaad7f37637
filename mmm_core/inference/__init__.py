"""From data and a specification to a posterior."""
