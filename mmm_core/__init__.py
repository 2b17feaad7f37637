"""Statistical core of Marketing Mix Modelling: no orchestrator, no warehouse."""
