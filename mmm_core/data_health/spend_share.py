"""What is spent on each channel: its share of all, and all spend beside the revenue."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmm_core.data_health.finding import WHOLE, Finding, at_least
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "spend_share"


def spend_share(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """The share of every paid channel, and all spend over all revenue where the KPI has a price."""
    totals = {name: float(np.nansum(values)) for name, values in panel.spend.items()}
    everything = sum(totals.values())
    for name, total in totals.items():
        share = total / everything if everything > 0 else 0.0
        # of one channel there is no share to speak of
        verdict = at_least(share, rule.share_of_spend)
        words = f"{name}: {share:.1%} of all spend ({total:,.0f})"
        if verdict != "ok":
            words += (
                f", at least {rule.share_of_spend:.1%} wanted: its effect is lost in the noise: merge it with "
                "a channel "
                "like it, or leave it out"
            )
        yield Finding(FAMILY, "share_of_spend", name, share, rule.share_of_spend, verdict, words)
    if panel.spec.kpi.kind == "revenue":
        yield _beside_revenue(panel, everything, rule)


def _beside_revenue(panel: WeeklyPanel, spent: float, rule: DataHealth) -> Finding:
    worth = panel.spec.kpi.revenue_per_unit
    revenue = float(np.nansum(panel.kpi * (panel.columns[worth] if worth else 1.0)))
    ratio = spent / revenue if revenue > 0 else float("nan")
    low, high = rule.spend_to_revenue
    fine = low <= ratio <= high
    words = f"all spend is {ratio:.2%} of all revenue"
    if not fine:
        words += (
            f", where {low:.2%} to {high:.0%} is expected: look for another currency, thousands beside units, or a KPI "
            "that is no money (`kpi: {kind: non_revenue}`): beliefs about ROI mean nothing otherwise"
        )
    threshold = low if ratio < low else high
    return Finding(FAMILY, "spend_to_revenue", WHOLE, ratio, threshold, "ok" if fine else "warn", words)
