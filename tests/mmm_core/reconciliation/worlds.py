"""A posterior made by hand with its replayed lifts, tests and claims to hold against it."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.stored import Evidence
from mmm_core.reconciliation.claims import claims_in
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import posterior, weekly_table

SPEC = {
    "model": "compared",
    "table": "weekly",
    "filter": {"market": "us"},
    "kpi": {"column": "revenue"},
    "media": {
        "defaults": {"adstock": {"kind": "geometric", "l_max": 3}},
        "channels": {name: {"spend": f"{name}_spend"} for name in ("tv", "search", "video")},
    },
}
WEEKS = 64


def table():
    return weekly_table(WEEKS).assign(market="us")


def spec(**reconciliation):
    return parse_spec({**SPEC, "reconciliation": reconciliation} if reconciliation else SPEC)


def made(seed=1, seen=(), draws=200, **reconciliation):
    """The posterior; `seen` are the tests that it was calibrated with."""
    tree = posterior(spec(**reconciliation), table(), draws=draws, chains=2, seed=seed)
    if seen:
        tree.attrs["lift_tests"] = Evidence("compared", date(2025, 3, 17), tuple(seen)).to_json()
    return tree


def lift_test(name, measured, error, channels=("tv",), inflation=1.0, start=date(2024, 6, 3), **changes):
    """A test that switched channels on for four weeks."""
    end = start + timedelta(days=27)
    weeks = table().set_index("week_start")[str(start) : str(end)]
    spend = {channel: TestedSpend(float(weeks[f"{channel}_spend"].sum()), 0.0) for channel in channels}
    record = LiftTest(name, spend, start, end, measured, error, **{"market": "us", **changes})
    return WeighedTest(record, inflation)


def claims(by_channel, weeks=range(WEEKS), platform="ads", **columns):
    """Claims of a unit of spend each week by channel, over the weeks of the table."""
    weekly = table()
    rows = [
        {
            "market": "us", "channel": channel, "week_start": weekly["week_start"].iloc[week], "platform": platform,
            "attribution_model": "last_click", "currency": "USD", "conversions": 400.0,
            "revenue": roi * (weekly[f"{channel}_spend"].iloc[week] if f"{channel}_spend" in weekly else 1.0),
            **columns,
        }
        for channel, roi in by_channel.items()
        for week in weeks
    ]  # fmt: skip
    return claims_in(pd.DataFrame(rows), "claims.csv")


def lifts(tree, *tests):
    """What the model says that tests would have measured, (draw, test)."""
    from mmm_core.effects.replayed_tests import replayed_tests

    return np.asarray(replayed_tests(tree, tests))
