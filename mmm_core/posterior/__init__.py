"""A posterior: its file, its draws, and the predictor that every analysis works from."""
