"""The long term as tables: what each channel returned, what follows what, where the metrics stand.

Quantiles are over the draws, 5 % to 95 %. Effects on a metric are stated in points of its share (1 point = 0.01), by
the slope of the logistic curve at the metric's level of the last year; effects on base sales in units of the KPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from mmm_core.long_term.multipliers import (
    FEWEST_STABLE,
    cumulative_multipliers,
    discounted,
    dynamic_multipliers,
    long_run_multipliers,
    multipliers_by_path,
)
from mmm_core.long_term.responses import Shocks, impulse_responses, variance_decomposition
from mmm_core.long_term.returns import long_term_roi, total_roi
from mmm_core.long_term.survey import days_in_weeks, weekly_states
from mmm_core.long_term.variables import BASE

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

ALL = "all"
LONG_RUN, PERMANENT = "long_run", "permanent"
POINTS = "points"
LAST_YEAR = 52
FEWEST_FINITE = 0.95
"""Share of the draws that must have a figure before the others' side of 0 is told."""
MOST_SPREAD = 1.0
"""A standard deviation in 90 % intervals beyond which a few draws carry it and the mean: a normal's is .3, that of a
t with 3 degrees of freedom .37."""
Units = Mapping[str, tuple[str, float]]
RESPONSES = ("kind", "cause", "size", "response", "weeks_after", "unit", "median", "q05", "q95")
QUANTILES = {"median": 0.5, "q05": 0.05, "q95": 0.95}


def roi(found: LongTerm) -> pd.DataFrame:
    """Returns on spend, short and long term and both.

    Returns:
        A row a channel, effect and path. effect: short; long, within horizon_weeks after the spend, discounted; total,
        their sum; long_run, over all weeks to come (only where it exists, and not discounted); permanent, of a model
        with a unit root: what a unit of spend adds to each week for good. path: all; of the long term also direct and
        every metric, by where the effect enters base sales: their means add up. Columns channel,
        effect, path, horizon_weeks (missing where the effect has none), discount, mean, median, sd, q05, q95, positive
        (share of draws above 0; nan where over 5 % of the draws have no such figure: those that have are too sure) and
        returns, what a return is: revenue per unit of spend, or units of the KPI where it has no price. mean and sd are
        nan of long_run and permanent, which have no moments, and where a few draws carry them (`MOST_SPREAD`): read the
        median.
    """
    rule, worth = found.rule, found.worth_of_base
    long = long_term_roi(found.draws, revenue_per_kpi=worth, horizon=rule.horizon, discount=rule.discount)
    parts = total_roi(found.short_roi, long)
    by_path = multipliers_by_path(found.draws, BASE, rule.horizon) * worth
    by_path = (by_path * _worth(by_path["horizon"], rule.discount)).sum("horizon")
    stated: dict[str, Any] = {"horizon_weeks": rule.horizon, "discount": rule.discount}
    unbounded: dict[str, Any] = {"horizon_weeks": pd.NA, "discount": 0.0}
    rows: list[dict[str, Any]] = []
    for channel in parts["channel"].to_numpy():
        effects = [("short", ALL, parts["short"], unbounded), ("long", ALL, parts["long"], stated)]
        effects += [
            ("long", str(path), by_path.sel(path=path), stated) for path in by_path["path"].to_numpy()
        ]
        for effect, path, draws, known in [*effects, ("total", ALL, parts["total"], stated)]:
            of_channel = draws.sel(channel=channel).to_numpy()
            row = {"channel": str(channel), "effect": effect, "path": path}
            most = np.inf if effect == "short" else MOST_SPREAD
            rows.append({**row, **known, **_figures(of_channel, most)})
    effect = PERMANENT if rule.unit_root else LONG_RUN
    if found.stable_share >= FEWEST_STABLE:
        sums = long_run_multipliers(found.draws).sel(response=BASE, drop=True)
        forever = sums[effect].transpose("draw", "channel") * worth
        for channel in forever["channel"].to_numpy():
            values = forever.sel(channel=channel).to_numpy()
            row = {"channel": str(channel), "effect": effect, "path": ALL}
            rows.append({**row, **unbounded, **_figures(values, np.nan)})
    return pd.DataFrame(rows).astype({"horizon_weeks": "Int64"}).assign(returns=str(found.attrs["returns"]))


def responses(found: LongTerm, shocks: Shocks = "orthogonal") -> pd.DataFrame:
    """What follows what, week by week.

    Returns:
        A row a kind, cause, response and week. kind media: the channel's spend of an average week in which it ran;
        shock: one sd of what is a variable's own beside those before it in the order of the rule; generalised, in its
        place where it is asked for: one sd of all a variable does not owe to its past, with what then comes with it.
        Columns kind, cause (channel or variable), size (that spend, or that sd: of a metric in points), response (a
        metric or base), weeks_after (0 to the horizon), unit (points, or the KPI), median, q05, q95.
    """
    return responses_of(found.draws, found.rule.horizon, _units(found), shocks)


def responses_of(
    draws: xr.Dataset, horizon: int, units: Units, shocks: Shocks = "orthogonal"
) -> pd.DataFrame:
    """The same of draws of any autoregression; without media only shocks.

    Args:
        units: of each variable, and what its effects are multiplied with to be shown in them.
    """
    followed = impulse_responses(draws, horizon, shocks)
    # a shock is as large as what it brings to its own variable at once
    at_once = followed.sel(horizon=0).transpose("draw", "response", "shock").to_numpy()
    size = np.median(np.diagonal(at_once, axis1=1, axis2=2), axis=0)
    names = [str(name) for name in draws["variable"].to_numpy()]
    sizes = {name: float(value) * units[name][1] for name, value in zip(names, size, strict=True)}
    kind = "shock" if shocks == "orthogonal" else shocks
    parts = [_by_week(followed.rename(shock="cause"), units, kind, sizes)]
    if draws.sizes["channel"]:
        media = draws["media"]
        ran = media.where(media != 0).mean("media_week")
        once = dynamic_multipliers(draws, horizon) * ran
        weeks = {str(name): float(ran.sel(channel=name)) for name in ran["channel"].to_numpy()}
        parts.insert(0, _by_week(once.rename(channel="cause"), units, "media", weeks))
    return pd.concat(parts, ignore_index=True)


def multipliers(found: LongTerm) -> pd.DataFrame:
    """What one unit of spend brings to each variable in sum.

    Returns:
        A row a channel, response and horizon: channel, response, horizon_weeks (missing: all weeks to come), unit,
        median, q05, q95, half_life_weeks (median weeks until half of the long-run effect has come; nan elsewhere, and
        where it changes its sign on the way). Not discounted.
    """
    horizons = tuple(sorted({*found.rule.horizons, found.rule.horizon}))
    return multipliers_of(found.draws, horizons, _units(found), not found.long_run_refused)


def multipliers_of(
    draws: xr.Dataset, horizons: tuple[int, ...], units: Units, long_run: bool
) -> pd.DataFrame:
    """The same of draws of any autoregression with media.

    Args:
        long_run: whether there are figures over all weeks to come.
    """
    sums = cumulative_multipliers(draws, horizons)
    forever = long_run_multipliers(draws) if long_run else None
    rows: list[dict[str, Any]] = []
    for channel in sums["channel"].to_numpy():
        for response in sums["response"].to_numpy():
            unit, factor = units[str(response)]
            known: dict[str, Any] = {"channel": str(channel), "response": str(response)}
            one = sums.sel(channel=channel, response=response) * factor
            for horizon in horizons:
                values = one.sel(horizon=horizon).to_numpy()
                rows.append({**known, "horizon_weeks": horizon, "unit": unit, **_quantiles(values)})
            if forever is not None:
                this = forever.sel(channel=channel, response=response)
                values = this["long_run"].to_numpy() * factor
                half = this["half_life"].to_numpy()
                half_life = float(np.nanmedian(half)) if np.isfinite(half).any() else np.nan
                known |= {"horizon_weeks": pd.NA, "unit": unit}
                rows.append({**known, **_quantiles(values), "half_life_weeks": half_life})
    table = pd.DataFrame(rows).astype({"horizon_weeks": "Int64"})
    return table if "half_life_weeks" in table else table.assign(half_life_weeks=np.nan)


def decomposition(found: LongTerm) -> pd.DataFrame:
    """Share of each variable's forecast error variance that each orthogonal shock accounts for.

    Returns:
        A row a response, shock and horizon: response, shock, horizon_weeks, median, q05, q95.
    """
    return decomposition_of(found.draws, sorted({4, 13, *found.rule.horizons, found.rule.horizon}))


def decomposition_of(draws: xr.Dataset, horizons: list[int]) -> pd.DataFrame:
    """The same of draws of any autoregression."""
    shares = variance_decomposition(draws, max(horizons)).sel(horizon=horizons)
    spread = shares.quantile(list(QUANTILES.values()), dim="draw").to_numpy()
    grid = [
        {"horizon_weeks": horizon, "response": str(response), "shock": str(shock)}
        for horizon in horizons
        for response in shares["response"].to_numpy()
        for shock in shares["shock"].to_numpy()
    ]
    table = pd.DataFrame(grid).assign(**dict(zip(QUANTILES, spread.reshape(len(QUANTILES), -1), strict=True)))
    return table[["response", "shock", "horizon_weeks", *QUANTILES]]


def brand(found: LongTerm) -> pd.DataFrame:
    """The metrics week by week, as the surveys and the autoregression together have them.

    Returns:
        A row a metric and week: metric, week_start, median, q05, q95 (shares, 0 to 1), surveyed (share of the
        respondents of the waves with days in that week, nan where there was none) and sample (respondents of those
        waves, nan where none).
    """
    weeks = pd.DatetimeIndex(found.draws["week"].to_numpy())
    logits = found.draws["modelled"]
    states = {name: expit(logits.sel(equation=name).to_numpy()) for name in found.rule.metrics}
    by_metric = {str(name): part for name, part in found.surveys.groupby("metric")}
    return _by_metric(states, by_metric, weeks)


def states_alone(
    by_metric: Mapping[str, pd.DataFrame], weeks: pd.DatetimeIndex, draws: int, seed: int
) -> pd.DataFrame:
    """The same by the surveys alone, each metric a random walk."""
    states = {
        name: weekly_states(part, weeks, draws, seed + place)["share"].to_numpy()
        for place, (name, part) in enumerate(by_metric.items())
    }
    return _by_metric(states, by_metric, weeks)


def _by_metric(
    states: Mapping[str, np.ndarray], by_metric: Mapping[str, pd.DataFrame], weeks: pd.DatetimeIndex
) -> pd.DataFrame:
    parts = []
    for name, shares in states.items():
        waves = by_metric[name]
        waves = waves[waves["end"] >= weeks[0]]  # of a base whose change is modelled the first week is gone
        touched = days_in_weeks(waves, weeks) > 0
        sample = waves["sample"].to_numpy(float)
        people = touched.T @ sample
        with np.errstate(invalid="ignore", divide="ignore"):
            surveyed = (touched.T @ (sample * waves["share"].to_numpy(float))) / people
        part = {"metric": name, "week_start": weeks, **_columns(shares)}
        parts.append(
            pd.DataFrame({**part, "surveyed": surveyed, "sample": np.where(people > 0, people, np.nan)})
        )
    return pd.concat(parts, ignore_index=True)


def _by_week(draws: xr.DataArray, units: Units, kind: str, sizes: Mapping[str, float]) -> pd.DataFrame:
    """Of (draw, horizon, response, cause)."""
    parts = []
    for cause in draws["cause"].to_numpy():
        for response in draws["response"].to_numpy():
            unit, factor = units[str(response)]
            values = (
                draws.sel(cause=cause, response=response).transpose("draw", "horizon").to_numpy() * factor
            )
            part = pd.DataFrame(
                {"weeks_after": draws["horizon"].to_numpy(), "unit": unit, **_columns(values)}
            )
            part = part.assign(kind=kind, cause=str(cause), size=sizes[str(cause)], response=str(response))
            parts.append(part[list(RESPONSES)])
    return pd.concat(parts, ignore_index=True)


def _units(found: LongTerm) -> dict[str, tuple[str, float]]:
    """Of each variable the unit that effects are shown in, and what they are multiplied with."""
    last = found.draws["modelled"].isel(week=slice(-LAST_YEAR, None)).mean(["draw", "week"])
    out = {BASE: (str(found.attrs["kpi"]), 1.0)}
    for name in found.rule.metrics:
        share = float(expit(last.sel(equation=name)))
        out[name] = (POINTS, 100 * share * (1 - share))
    return out


def _figures(values: np.ndarray, most_spread: float) -> dict[str, float]:
    """Figures of draws, (draw,); without moments where they are spread further than their interval allows."""
    finite = values[np.isfinite(values)]
    spread = _quantiles(values)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if not sd <= most_spread * (spread["q95"] - spread["q05"]):
        mean = sd = np.nan
    return {
        "mean": mean,
        "median": spread["median"],
        "sd": sd,
        "q05": spread["q05"],
        "q95": spread["q95"],
        "positive": float((finite > 0).mean()) if len(finite) >= FEWEST_FINITE * len(values) else np.nan,
    }


def _quantiles(values: np.ndarray) -> dict[str, float]:
    """Of the finite draws."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return dict.fromkeys(QUANTILES, np.nan)
    return {name: float(np.quantile(finite, level)) for name, level in QUANTILES.items()}


def _columns(values: np.ndarray) -> dict[str, np.ndarray]:
    """Quantiles over the draws of (draw, week)."""
    return {name: np.quantile(values, level, axis=0) for name, level in QUANTILES.items()}


def _worth(horizon: xr.DataArray, discount: float) -> xr.DataArray:
    return horizon.copy(data=discounted(horizon.to_numpy(), discount))
