"""Is a weekly table fit to be modelled? Diagnostics before any fit: a question a file, each answered by findings.

`mmm_core.data_health.report.data_health` asks all of them.
"""
