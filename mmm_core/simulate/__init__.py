"""A sample world with a known truth, for the demo, the tests and the benchmarks.

`weekly_table` gives one market as a weekly table of any size, with its truth. `simulate_world` gives both markets of
the demo; `write_landing` exports them as raw files and `write_truth` keeps the truth beside them. `process` says what
makes revenue, `exports` what the raw files are like, `world` what stays the same when a week is added.
"""

from mmm_core.simulate.calendar import dated_by
from mmm_core.simulate.experiments import lift_tests
from mmm_core.simulate.exports import survey_table
from mmm_core.simulate.landing import write_landing, write_truth
from mmm_core.simulate.market import Market, simulate_market, weekly_table
from mmm_core.simulate.truth import ChannelTruth, MarketTruth
from mmm_core.simulate.world import World, simulate_world

__all__ = [
    "ChannelTruth",
    "Market",
    "MarketTruth",
    "World",
    "dated_by",
    "lift_tests",
    "simulate_market",
    "simulate_world",
    "survey_table",
    "weekly_table",
    "write_landing",
    "write_truth",
]
