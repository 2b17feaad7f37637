"""Tables with planted faults, and the specification they are read by."""

import numpy as np
import pandas as pd

from mmm_core.data_health.report import data_health
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.spec.model_spec import parse_spec

SPEC = {
    "model": "small",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "controls": ["confidence"],
    "media": {
        "defaults": {"adstock": {"l_max": 4}},
        "channels": {
            "tv": {"spend": "tv_spend"},
            "search": {"spend": "search_spend", "exposure": "search_clicks"},
        },
    },
}


def plain(weeks=130, seed=3):
    """A table in which nothing is wrong."""
    rng = np.random.default_rng(seed)
    tv = 100 * rng.gamma(3, 1, weeks) * (rng.random(weeks) < 0.8)
    search = 60 * rng.gamma(6, 1, weeks)
    return pd.DataFrame(
        {
            "week_start": pd.date_range("2022-01-03", periods=weeks, freq="7D"),
            "revenue": 9000 + 2 * tv + 3 * search + 300 * rng.standard_normal(weeks),
            "tv_spend": tv,
            "search_spend": search,
            "search_clicks": search / 0.4 * rng.lognormal(0, 0.05, weeks),
            "confidence": 100 + rng.standard_normal(weeks),
        }
    )


def spec_of(**changes):
    return parse_spec({**SPEC, **changes})


def panel_of(table, **changes):
    return WeeklyPanel.of(table, spec_of(**changes))


def report_of(table, **changes):
    return data_health(table, spec_of(**changes))


def flagged(findings, measure=None):
    """Subjects of the findings that are not ok."""
    return [f.subject for f in findings if f.verdict != "ok" and measure in (None, f.measure)]
