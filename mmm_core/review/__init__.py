"""The review of a posterior: one check a question, each with its threshold and severity."""
