"""Which specification a model should have, when somebody asks."""
