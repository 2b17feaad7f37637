"""The read-out of a geo experiment: from a panel of outcomes by geo and period to a lift with its error."""
