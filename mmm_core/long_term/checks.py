"""Whether to believe a long-term posterior: what is stable, identified, moved by the prior, forecast.

One table, a row a check and subject, each in words. `sampler` says whether the figures may be read at all; the others
what to keep in mind when reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.base import variance_ratio
from mmm_core.long_term.doubts import ON
from mmm_core.long_term.identification import NONE, contractions, stability_words
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.multipliers import LEAST_STABLE
from mmm_core.long_term.residuals import LAGS, portmanteau
from mmm_core.long_term.returns import long_term_roi
from mmm_core.long_term.sensitivity import prior_sensitivity
from mmm_core.long_term.settings import minnesota
from mmm_core.long_term.stationarity import Stationarity, stationarity
from mmm_core.long_term.tracked import LEAST_ESS, MOST_RHAT
from mmm_core.long_term.tracker_forecast import tracker_against_random_walk
from mmm_core.long_term.variables import BASE
from mmm_core.spec.long_term_spec import TREND

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.long_term.waves import Surveys

SEVERE = ("sampler",)
"""Checks without which no figure may be read; draws that explode leave those of a horizon, by their medians."""
LEAST_P = 0.05
MOST_RATIO = 1.1
"""A forecast's error in that of "as before" from which it is worse by more than these few origins leave to chance."""
MOST_MOVED = 0.5
"""Standard deviations by which another prior may move a channel's long-term ROI."""
TESTED = 20
"""Draws of the series of which stationarity is tested; the middle of their p-values counts."""


def checks(
    found: LongTerm,
    plain: xr.Dataset | None = None,
    base: xr.Dataset | None = None,
    seen: Surveys | None = None,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    settings: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """All of them.

    Args:
        plain: draws of a fit to the mean of base sales, for what propagation is worth; left out without.
        base, seen, media, terms, settings: what the model was fitted on and how, for forecasts from past weeks; left
            out without.

    Returns:
        check, subject (a variable, channel, "channel on variable" or ""), value, bound, passed, words.
    """
    prior = minnesota(found.rule)
    rows = [_stable(found), *_sampler(found), _residuals(found), *_stationary(found)]
    rows += _identified(found, prior)
    rows += _moved_by_the_prior(found, prior)
    if plain is not None:
        rows += _propagated(found, plain)
    if base is not None and seen is not None and media is not None:
        rows += _forecast(base, seen, media, terms, settings or {}, found.rule.seed)
    return pd.DataFrame(rows, columns=["check", "subject", "value", "bound", "passed", "words"])


def failed_severely(table: pd.DataFrame) -> tuple[str, ...]:
    """Words of the checks that failed and without which no figure may be read; `table` of `checks`."""
    if table.empty:
        return ()
    return tuple(map(str, table.loc[table["check"].isin(SEVERE) & ~table["passed"].astype(bool), "words"]))


Row = tuple[str, str, float, float, bool, str]


def _stable(found: LongTerm) -> Row:
    share = found.stable_share
    return "stable draws", "", share, LEAST_STABLE, share >= LEAST_STABLE, stability_words(found.draws)


def _sampler(found: LongTerm) -> list[Row]:
    rhat, ess = float(found.attrs["rhat"]), float(found.attrs["ess"])
    more = "raise long_term.draws, or drop a metric that is asked about rarely"
    return [
        ("sampler", "R-hat", rhat, MOST_RHAT, rhat <= MOST_RHAT, f"largest R-hat {rhat:.3f}"
         + ("" if rhat <= MOST_RHAT else f": chains disagree; {more}")),
        ("sampler", "effective draws", ess, LEAST_ESS, ess >= LEAST_ESS, f"smallest effective sample size {ess:.0f}"
         + ("" if ess >= LEAST_ESS else f": {more}")),
    ]  # fmt: skip


def _residuals(found: LongTerm) -> Row:
    order = int(found.draws.attrs["lags"])
    test = portmanteau(found.draws, max(LAGS, order + 4))
    return "residual autocorrelation", "", test.median_p, LEAST_P, test.median_p >= LEAST_P, test.sentence


def _stationary(found: LongTerm) -> list[Row]:
    """Of what the rule's terms leave: about a line where it has one, without its steps."""
    observed = found.draws["observed"]
    places = np.linspace(0, observed.sizes["draw"] - 1, TESTED).astype(int)
    names = [str(name) for name in observed["variable"].to_numpy()]
    rule = found.rule
    trend = TREND in found.draws["deterministic_term"].to_numpy()
    about = "ct" if trend else "c"
    steps = found.draws["deterministic"].sel(deterministic_term=list(rule.steps)).to_numpy()

    tested = [
        stationarity(
            pd.DataFrame(
                _without_steps(
                    observed.isel(draw=place).transpose("observed_week", "variable").to_numpy(),
                    steps,
                    trend,
                ),
                columns=names,
            ),
            about,
        )
        for place in places
    ]
    rows: list[Row] = []
    for name, of_draws in zip(names, zip(*tested, strict=True), strict=True):
        adf, kpss = (float(np.median([getattr(one, p) for one in of_draws])) for p in ("adf_p", "kpss_p"))
        about_a_line = np.mean([one.still_about_a_line for one in of_draws]) > 0.5
        verdict = Stationarity(name, adf, kpss, bool(about_a_line)).verdict
        known = f"ADF p = {adf:.2f}, KPSS p = {kpss:.2f}"
        fine = verdict in ("stationary", "unclear") or (name == BASE and rule.unit_root)
        more = "a step" if trend else "long_term.trend: true, or a step"
        wanders = "effects may be permanent"
        if name == BASE:
            wanders += ", as long_term.unit_root: true has them" if rule.unit_root else ""
        if not rule.unit_root:
            wanders += ": compare a fit with long_term.unit_root: true, which models the change of base sales"
        advice = {
            "stationary": "effects die out",
            "unit root": wanders,
            "unclear": "too short to tell",
            "trend or step": "it moves for a reason of its own that no lag explains, and spend that rose or fell with "
            f"it is credited with that: compare a fit with {more} under long_term.steps",
        }[verdict]
        rows.append(("stationarity", name, adf, LEAST_P, fine, f"{name}: {verdict} ({known}); {advice}"))
    return rows


def _without_steps(values: np.ndarray, steps: np.ndarray, trend: bool) -> np.ndarray:
    """Variables (week, variable) without what steps (week, step) explain of them, least squares."""
    if not steps.shape[1]:
        return values
    count = len(steps)
    line = [np.arange(count)[:, None] / count] if trend else []
    both = np.concatenate([steps, np.ones((count, 1)), *line], axis=1)
    slopes = np.linalg.lstsq(both, values[-count:], rcond=None)[0]
    return np.asarray(values[-count:] - steps @ slopes[: steps.shape[1]])


def _identified(found: LongTerm, prior: Minnesota) -> list[Row]:
    rows: list[Row] = []
    rule = found.rule
    for one in contractions(found.draws, prior, restricted=rule.restricted, signs=rule.signs):
        if one.variable in rule.enters.get(one.channel, rule.variables):
            known = ("identification", f"{one.channel}{ON}{one.variable}", one.contraction, NONE)
            rows.append((*known, one.contraction >= NONE, one.sentence))
    return rows


def _moved_by_the_prior(found: LongTerm, prior: Minnesota) -> list[Row]:
    long = _long_roi(found.draws, found, found.worth_of_base)
    cross = found.rule.cross if found.rule.restricted else None
    rows: list[Row] = []
    for channel in (str(name) for name in long["channel"].to_numpy()):
        one = prior_sensitivity(found.draws, prior, long.sel(channel=channel).to_numpy(), cross)
        words = f"{channel}: long-term ROI moves by {one.moved:.2f} of its sd with {one.words}"
        if not one.trusted:
            words = f"{channel}: nobody can tell from these draws what {one.words} would do (k-hat {one.khat:.1f})"
        passed = one.trusted and one.moved <= MOST_MOVED
        if not passed:
            words += ": state long_term.tightness by what is known beforehand, or do not plan by its size"
        rows.append(("prior sensitivity", channel, one.moved, MOST_MOVED, passed, words))
    return rows


def _propagated(found: LongTerm, plain: xr.Dataset) -> list[Row]:
    """What it is worth that base sales are known as draws: never a failure."""
    worth = found.worth_of_base
    ratios = variance_ratio(
        _long_roi(found.draws, found, worth), _long_roi(plain, found, float(worth.mean()))
    )
    rows: list[Row] = []
    for channel in (str(name) for name in ratios["channel"].to_numpy()):
        ratio = float(ratios.sel(channel=channel))
        words = (
            f"{channel}: the interval of its long-term ROI is {np.sqrt(ratio):.2f} times as wide as with the base "
            f"taken for known (squared, {ratio:.2f})"
        )
        rows.append(("propagation", channel, ratio, np.nan, True, words))
    return rows


def _forecast(
    base: xr.Dataset,
    seen: Surveys,
    media: pd.DataFrame,
    terms: pd.DataFrame | None,
    settings: Mapping[str, Any],
    seed: int,
) -> list[Row]:
    """A variable of which nothing could be compared has not passed: nobody knows."""
    try:
        table = tracker_against_random_walk(base, seen.by_metric, media, terms, seed=seed, **settings)
    except InputError as error:
        return [("forecast", "", np.nan, MOST_RATIO, False, f"no forecasts were compared: {error}")]
    rows: list[Row] = []
    fewer = "" if settings.get("lags") == 1 else "take fewer, or "
    for row in table.to_dict("records"):
        ratio = float(row["ratio"])
        compared = f'{row["variable"]}: error {ratio:.2f} times that of "as before" over {row["forecasts"]} forecasts'
        worse = f": its lags tell nothing of the weeks to come; {fewer}look for what is missing"
        if not row["forecasts"]:
            compared, worse = (
                f"{row['variable']}: no forecasts were compared",
                ": the weeks forecast measured nothing of it",
            )
        passed = ratio <= MOST_RATIO
        rows.append(
            (
                "forecast",
                str(row["variable"]),
                ratio,
                MOST_RATIO,
                passed,
                compared + ("" if passed else worse),
            )
        )
    return rows


def _long_roi(draws: xr.Dataset, found: LongTerm, worth: float | xr.DataArray) -> xr.DataArray:
    return long_term_roi(
        draws,
        horizon=found.rule.horizon,
        discount=found.rule.discount,
        revenue_per_kpi=worth,
    )
