"""Evidence: lift tests, scored and approved, that calibrate a model."""
