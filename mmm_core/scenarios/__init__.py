"""Scenarios: plans for the coming weeks, what each would bring, and which is better."""
