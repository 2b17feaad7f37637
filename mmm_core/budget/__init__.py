"""From response curves to a budget and its certificate."""
