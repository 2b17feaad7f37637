"""What media did: returns, contributions, increments, curves, decay."""
