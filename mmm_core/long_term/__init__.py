"""Long-term effects: an exact Bayesian vector autoregression of base sales and brand metrics, and what it says."""
