"""The long term: brand metrics, their autoregression with base sales, and what media bring by way of them."""
