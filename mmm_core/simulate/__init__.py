"""A sample world with a known truth, for the demo, the tests and the benchmarks."""

from mmm_core.simulate.market import Market, simulate_market, weekly_table
from mmm_core.simulate.truth import ChannelTruth, MarketTruth

__all__ = ["ChannelTruth", "Market", "MarketTruth", "simulate_market", "weekly_table"]
