"""Do series wander? ADF and KPSS of the KPI, of what a unit is worth, of channels and controls.

Two series that wander each by itself look as if one moved the other (Granger and Newbold 1974): a level that moves as a
random walk guards against that, a constant one does not. The tests are those of the long-term stage
(`mmm_core.long_term.stationarity`), on the sum over geos.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mmm_core.data_health.finding import Finding, Verdict
from mmm_core.data_health.weekly_panel import WeeklyPanel, is_indicator
from mmm_core.long_term.stationarity import LEVEL, Stationarity
from mmm_core.long_term.stationarity import stationarity as tests_of

FAMILY = "stationarity"

FEWEST = 26
"""Weeks from which on the tests say anything."""

WANDERS = "unit root"


def stationarity(panel: WeeklyPanel) -> Iterator[Finding]:
    """Both tests of every series without gaps; what wanders with the KPI under a level that does not is warned of."""
    spec = panel.spec
    series = {spec.kpi.column: panel.all_geos(panel.kpi)}
    series |= {name: panel.all_geos(values) for name, values in panel.media.items()}
    series |= {
        name: panel.all_geos(values, mean=True)
        for name, values in panel.levers.items()
        if not is_indicator(values)
    }
    whole = {
        name: values
        for name, values in series.items()
        if len(values) >= FEWEST and np.isfinite(values).all() and np.ptp(values) > 0
    }
    found = {each.variable: each for each in tests_of(pd.DataFrame(whole))}
    kpi = found.get(spec.kpi.column)
    walks = spec.baseline.level == "random_walk"
    for name, each in found.items():
        yield from _of_one(name, each, kpi, spec.kpi.column, walks)


def _of_one(
    name: str, each: Stationarity, kpi: Stationarity | None, column: str, walks: bool
) -> Iterator[Finding]:
    verdict: Verdict = "ok"
    what = each.verdict
    words = f"{name}: {what} (ADF p {each.adf_p:.2f}, KPSS p {each.kpss_p:.2f})"
    if name == column:
        if what == WANDERS and not walks:
            verdict = "warn"
            words += ": its level wanders, and the model's does not: write `baseline: {level: random_walk}`"
        elif what == WANDERS:
            words += ": the model's level is a random walk, as it should be"
    elif what == WANDERS and kpi is not None and kpi.verdict == WANDERS and not walks:
        verdict = "warn"
        words += f": it wanders as {column} does, and what they share may be chance: let the level be a random walk"
    yield Finding(FAMILY, "adf_p", name, each.adf_p, LEVEL, verdict, words)
    yield Finding(FAMILY, "kpss_p", name, each.kpss_p, LEVEL, "ok", f"{name}: KPSS p {each.kpss_p:.2f}")
