"""Model inputs: what a model is fitted on, frozen a vintage at a time."""
