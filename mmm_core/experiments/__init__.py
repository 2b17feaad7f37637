"""What an experiment would be worth before it is run: its error, power and cost, and what its result would change."""
