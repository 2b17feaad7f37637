"""Spend beside the exposure it bought: weeks that have one without the other, and what a unit costs.

The cost of a unit moves little from week to week. A jump by ten or a thousand is a unit, a currency or a scope that
changed, which neither column shows by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmm_core.data_health.finding import Finding, Verdict, at_most, day, weeks
from mmm_core.data_health.level_shifts import ordinary, peaks, season_terms, shift_scores
from mmm_core.data_health.outliers import distances
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.errors import listed
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "unit_cost"

UNPAIRED = 0.05
"""Share of the weeks with media in which spend or exposure may stand alone: invoices come a week late."""

FACTOR = 2.0
"""A lasting change of the cost of a unit by less than this factor is the market's."""


def unit_cost(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Of every paid channel with an exposure of its own: unpaired weeks, outliers and shifts of its cost."""
    for name, channel in panel.spec.media.channels.items():
        if channel.media_column == channel.spend:
            continue
        spend, media = panel.spend[name], panel.media[name]
        yield _unpaired(panel, name, channel.media_column, spend, media)
        total, exposed = panel.all_geos(spend), panel.all_geos(media)
        cost = np.where((total > 0) & (exposed > 0), total / np.where(exposed > 0, exposed, 1.0), np.nan)
        yield from _jumps(panel, name, cost, rule)


def _unpaired(panel: WeeklyPanel, name: str, exposure: str, spend: np.ndarray, media: np.ndarray) -> Finding:
    paid, seen = np.nan_to_num(spend) > 0, np.nan_to_num(media) > 0
    some = int((paid | seen).sum())
    alone = paid ^ seen
    share = float(alone.sum() / some) if some else 0.0
    words = f"{name}: spend and {exposure} are there in the same weeks"
    if alone.any():
        concerned = panel.weeks[alone.any(axis=0)]
        less = (
            "spend without exposure"
            if (paid & ~seen).sum() >= (seen & ~paid).sum()
            else "exposure without spend"
        )
        words = (
            f"{name}: {share:.0%} of its weeks have {less} or the other way round, at most {UNPAIRED:.0%} wanted "
            f"({listed(map(day, concerned), 3)}): complete the column, or model its spend alone (leave `exposure` out)"
        )
    return Finding(FAMILY, "share_unpaired", name, share, UNPAIRED, at_most(share, UNPAIRED), words)


def _jumps(panel: WeeklyPanel, name: str, cost: np.ndarray, rule: DataHealth) -> Iterator[Finding]:
    found = distances(cost)
    if not np.isfinite(found.score).any():
        return
    order = np.argsort(-np.nan_to_num(np.abs(found.score)))
    week = int(order[0])
    largest, out = float(found.score[week]), int((np.abs(np.nan_to_num(found.score)) > rule.outlier).sum())
    words = f"{name}: a unit costs {np.nanmedian(cost):.3g} in the middle week; no week is out"
    if out:
        words = (
            f"{name}: a unit costs {cost[week]:.3g} in the week of {day(panel.weeks[week])}, where "
            f"{found.usual[week]:.3g} is "
            f"usual ({largest:+.1f} robust sds, {rule.outlier:g} at most; {weeks(out)} in all): look for a "
            "digit, or for spend "
            "and exposure booked in different weeks"
        )
    there = panel.weeks[week] if out else None
    verdict: Verdict = "warn" if out else "ok"
    yield Finding(
        FAMILY, "cost_z", name, abs(largest), rule.outlier, verdict, words, first_week=there, last_week=there
    )
    series = ordinary(cost, rule.outlier)
    if series is None:
        return
    scores = shift_scores(series, season_terms(panel))
    for week, z in peaks(scores, rule.level_shift)[:1]:
        before, after = np.nanmedian(cost[max(0, week - 13) : week]), np.nanmedian(cost[week : week + 13])
        factor = max(after / before, before / after)
        if factor < FACTOR:
            break
        words = (
            f"{name}: from the week of {day(panel.weeks[week])} on a unit costs {after:.3g}, before {before:.3g} "
            f"({abs(z):.1f} standard errors): look for a change of unit, currency or scope in spend or exposure"
        )
        yield Finding(
            FAMILY, "cost_shift_z", name, z, rule.level_shift, "warn", words,
            first_week=panel.weeks[week], last_week=panel.weeks[-1],
        )  # fmt: skip
        return
    words = f"{name}: what a unit costs has no lasting shift by {FACTOR:g} times"
    yield Finding(FAMILY, "cost_shift_z", name, float(np.abs(scores).max()), rule.level_shift, "ok", words)
