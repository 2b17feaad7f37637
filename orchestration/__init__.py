"""When and where it runs: definitions, environments, resources, policies, schedules, sensors."""
