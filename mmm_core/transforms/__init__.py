"""What media become before they move the KPI: carryover, saturation, and the kinds of both."""
