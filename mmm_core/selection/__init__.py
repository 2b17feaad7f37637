"""Which specification: several of them scored on the same weeks, and one recommended."""
