"""The `mmm` command."""
