"""Media as the posterior sees them."""
