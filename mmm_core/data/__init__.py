"""From a weekly table or a plan to the arrays a model is fitted on."""
