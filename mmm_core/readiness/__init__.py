"""Whether a recommended budget is ready to be acted on: gates with thresholds, and the overrides that people sign."""
