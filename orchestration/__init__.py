"""When and where it runs: definitions, environments, resources, policies, schedules, sensors."""

import gc

# Dagster and dbt make a million objects that stay. Python would look through them every 700 new ones, which was a
# sixth of the processor time of the imports.
gc.set_threshold(50_000, 20, 100)
