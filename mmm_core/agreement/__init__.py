"""Whether a model agrees with the lift tests that calibrate it, and what they moved."""
