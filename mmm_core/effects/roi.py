"""Return on investment: outcome that a channel's media brought, over what they cost.

The outcome is revenue, or the KPI's own units where the KPI has none: an roi is then units of the KPI per unit of
spend, and the figure to read is its inverse, the cost per incremental unit. All figures are over the modelled window
and share one accounting: outcome of the window's weeks, what carries over from media before the window included and
what carries out after it not; spend of the window's weeks. What a channel brought is counterfactual: the expected
outcome less that with this channel off and the others as they were. In levels these add up; where the KPI's logarithm
is modelled effects multiply, and together channels bring less than the sum.

    roi   outcome brought / spend
    mroi  outcome of 1 % more media in every week / 1 % of spend (Jin et al. 2017, section 4); of reach and frequency,
          1 % more reach
    cpik  spend / KPI units brought, where the KPI is not revenue itself
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.model.beliefs import BUMP, adds_up
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import has_cost_per_unit, labelled, outcome_name, return_name

METRICS = ("roi", "mroi", "contribution", "contribution_share", "spend", "cpik")


def roi_draws(tree: xr.DataTree | Posterior) -> xr.Dataset:
    """Every metric for every draw, dims (draw, channel), draws flattened.

    Variables: roi, mroi, cpik (nan for organic channels; cpik only where the KPI is not revenue, infinite in a draw
    where the channel brought nothing), contribution (outcome), contribution_share (of the window's outcome; nan where
    that is negative or small beside what it is the sum of) and spend (channel,). Attributes: `outcome` and `returns`,
    what contribution and roi are counted in.
    """
    return Posterior.of(tree).once(_roi_draws).copy()


def _roi_draws(posterior: Posterior) -> xr.Dataset:
    predictor, spec, data = posterior.predictor(), posterior.spec, posterior.data
    worth = predictor.worth[..., None]
    kpi, outcome, marginal = (np.empty((predictor.draws, len(spec.channels))) for _ in range(3))
    for which in predictor.chunks():
        terms = predictor.media_terms(which)
        # more of everything but the frequency, which does not come from the path
        more = predictor.media_terms(which, predictor.exposure * (1 + BUMP)) - terms
        base = predictor.expected(predictor.baseline_terms(which), which)
        expected = predictor.with_media(base, terms)
        brought = predictor.gain(expected, terms)
        kpi[which] = brought.sum((1, 2))
        outcome[which] = (brought * worth).sum((1, 2))
        marginal[which] = (-predictor.gain(expected, -more) * worth).sum((1, 2))

    spend = np.full(len(spec.channels), np.nan)
    spend[: len(spec.paid)] = data["spend"].to_numpy()[:, predictor.history :].sum(axis=(0, 1))
    known = data["kpi"].to_numpy() * predictor.worth
    # a week without KPI counts as the mean one; a share of what does not add up would have any sign and size
    total = float(np.nanmean(known, axis=1).sum() * predictor.weeks) if adds_up(known) else np.nan
    dims = ("draw", "channel")
    metrics = xr.Dataset(
        {
            "roi": (dims, outcome / spend),
            "mroi": (dims, marginal / (BUMP * spend)),
            "contribution": (dims, outcome),
            "contribution_share": (dims, outcome / total),
            "spend": (("channel",), spend),
        },
        coords={"channel": list(spec.channels)},
        attrs={"outcome": outcome_name(spec), "returns": return_name(spec)},
    )
    if has_cost_per_unit(spec):
        with np.errstate(divide="ignore"):
            cost = np.where(kpi > 0, spend / np.where(kpi > 0, kpi, 1.0), np.inf)
        metrics["cpik"] = dims, np.where(np.isnan(spend), np.nan, cost)
    return metrics


def roi_table(tree: xr.DataTree | Posterior) -> pd.DataFrame:
    """Summary of every metric of every channel.

    Returns:
        A row a channel and metric: channel, metric, mean, median, sd, q05, q95. Metrics roi, mroi, contribution,
        contribution_share (of the window's outcome), spend; cpik where the KPI is not revenue, and first of all where
        it has no revenue. Organic channels have contribution and contribution_share only. Attributes as
        `mmm_core.posterior.labels.labelled` sets them. A figure that does not exist is nan: the mean of a cost that is
        infinite in some draws, or a quantile that is.
    """
    metrics = roi_draws(tree)
    priced = metrics.attrs["outcome"] == "revenue"
    names = METRICS if priced else ("cpik", *(name for name in METRICS if name != "cpik"))
    rows = []
    for channel in metrics["channel"].to_numpy():
        for name in names:
            if name not in metrics:
                continue
            draws = np.atleast_1d(metrics[name].sel(channel=channel).to_numpy())
            if name == "contribution_share" or not np.isnan(draws).all():
                rows.append({"channel": str(channel), "metric": name, **summarise(draws)})
    return labelled(pd.DataFrame(rows), tree)


def summarise(draws: np.ndarray) -> dict[str, float]:
    """Mean, median, sd and the ends of the 90 % interval of some draws; nan for those that are not finite.

    A quantile next to an infinite draw is read from the draw below it.
    """
    if np.isfinite(draws).all():
        quantiles = np.quantile(draws, [0.05, 0.5, 0.95])
        mean, sd = float(draws.mean()), float(draws.std(ddof=1)) if len(draws) > 1 else 0.0
    else:
        quantiles = np.quantile(draws, [0.05, 0.5, 0.95], method="lower")
        quantiles, mean, sd = np.where(np.isfinite(quantiles), quantiles, np.nan), np.nan, np.nan
    low, median, high = (float(value) for value in quantiles)
    return {"mean": mean, "median": median, "sd": sd, "q05": low, "q95": high}
