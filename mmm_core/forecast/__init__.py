"""What a posterior says of the KPI: of weeks to come, of held-out weeks, of every week."""
