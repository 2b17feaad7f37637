"""A national model and a panel whose spend is the same every week, and a test that agrees with them."""

import datetime as dt
from dataclasses import replace

from mmm_core.data.arrays import model_data
from mmm_core.evidence.lift_test import LiftTest, TestedSpend
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

NATIONAL = parse_spec({**SPEC, "filter": {"market": "us"}})
PANEL = parse_spec({**SPEC, "filter": {"market": "us"}, "geo": {"pooling": "complete"}})
TV, SEARCH, SENDS = 700.0, 350.0, 70.0
"""A geo's media a week."""
GEOS = ("north", "south", "west")
FIRST_MODELLED, LAST = dt.date(2024, 1, 29), dt.date(2025, 3, 23)  # four weeks of history; 64 weeks in all


def data_of(spec, **changes):
    """Arrays of the small table with steady media; `changes` are columns."""
    table = weekly_table(geos=GEOS if spec.geo else ("all",))
    table = table.assign(market="us", tv_spend=TV, search_spend=SEARCH, sends=SENDS, **changes)
    return model_data(table, spec)


# Four whole weeks of tv in two geos, switched on; nine weeks before the data end.
TEST = LiftTest(
    test_id="tv-north-south",
    spend={"tv": TestedSpend(actual=2 * 4 * TV, without=0.0)},
    start=dt.date(2024, 12, 23),
    end=dt.date(2025, 1, 19),
    incremental=3000.0,
    standard_error=1000.0,
    geos=("north", "south"),
    design="geo_holdout",
    market="us",
)
EVERYWHERE = replace(TEST, test_id="tv", geos=(), spend={"tv": TestedSpend(4 * TV, 0.0)})
