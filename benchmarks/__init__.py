"""Measured figures: each module is `make bench B=<name>` and ends with one line of JSON."""
