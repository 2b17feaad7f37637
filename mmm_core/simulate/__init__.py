"""A sample world with a known truth, for the demo, the tests and the benchmarks."""

from mmm_core.simulate.market import Market, MarketTruth, simulate_market, weekly_table

__all__ = ["Market", "MarketTruth", "simulate_market", "weekly_table"]
