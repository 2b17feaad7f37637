"""Rolling-origin backtest: refit as of several weeks of the past, forecast the next quarter, score what came.

Every refit leaves out the KPI from its origin on (`fit(holdout_weeks=...)`), so that shapes stay the same and one
compiled program serves all of them. A forecast is given the actual media and controls of its weeks: what is tested is
the model, not anybody's plan. The same weeks are forecast by last season's values, by the last value and by a local
level with the model's own terms but no media (`mmm_core.forecast.scores`); whether the model is better than each, or
the difference is chance, is said by `mmm_core.forecast.differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.forecast.differences import PairedDifference, paired_difference
from mmm_core.forecast.outside import far_outside, outside_words
from mmm_core.forecast.predictive import baseline_and_expected, with_noise
from mmm_core.forecast.scores import NormalForecast, crps_of_draws, crps_of_normal, simple_forecasts
from mmm_core.inference.fit import fit
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.spec.review_spec import LEAST_HISTORY
from mmm_core.threads import one_blas_thread

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

INTERVALS = (50, 90, 95)
MODEL = "model"
POOLED = "all origins"
DRAWS = 1000


@dataclass(frozen=True)
class Backtest:
    """Scores of every forecast.

    Attributes:
        model: its name. approximate: what is approximate about its engine, "" where nothing is.
        scores: over (forecast, origin, ahead, geo): mean, median, crps (KPI units), error (absolute, of the median,
            relative to the KPI) and covered_50, covered_90, covered_95 (0 or 1); over (origin, ahead, geo): actual, and
            far_outside, whether the model's forecast is far outside anything seen. `forecast` is the model first, then
            the simple ones, nan at an origin whose history is too short for one; `origin` the first week forecast,
            `ahead` 1 for it.
        log: whether the KPI is modelled as a logarithm.
    """

    model: str
    approximate: str
    scores: xr.Dataset
    log: bool = False

    @property
    def table(self) -> pd.DataFrame:
        """A row an origin and forecast, then all origins pooled.

        Columns: origin, forecast, crps, skill (1 less the model's CRPS over the forecast's in the same weeks, above 0
        where the model is better; nan for the model itself), skill_se, p_value and verdict (of all origins only: its
        standard error, that of no difference, and whether the model is better, worse, or it cannot be said), mape (of
        the median), coverage_50, coverage_90, coverage_95.
        """
        origins = [pd.Timestamp(origin).date().isoformat() for origin in self.scores["origin"].to_numpy()]
        rows = [
            row
            for position, name in enumerate(origins)
            for row in self._rows(self.scores.isel(origin=[position]), {"origin": name})
        ]
        pooled = self._rows(self.scores, {"origin": POOLED})
        for row in pooled:
            found = self.differences.get(str(row["forecast"]))
            if found is not None:
                row |= {"skill_se": found.relative_se, "p_value": found.p_value, "verdict": found.verdict}
        return pd.DataFrame(rows + pooled)

    @property
    def by_horizon(self) -> pd.DataFrame:
        """The same with a row a week ahead and forecast, origins pooled; column `ahead` in place of `origin`."""
        return pd.DataFrame(
            [
                row
                for ahead in self.scores["ahead"].to_numpy()
                for row in self._rows(self.scores.sel(ahead=[ahead]), {"ahead": int(ahead)})
            ]
        ).drop(columns=["skill_se", "p_value", "verdict"])

    @cached_property
    def pooled(self) -> dict[str, float]:
        """The model's crps, mape and coverages over all origins."""
        mean = self.scores.sel(forecast=MODEL).mean()
        coverages = {f"coverage_{q}": float(mean[f"covered_{q}"]) for q in INTERVALS}
        return {"crps": float(mean["crps"]), "mape": float(mean["error"]), **coverages}

    @cached_property
    def differences(self) -> dict[str, PairedDifference]:
        """The model's CRPS less that of each simple forecast."""
        crps = self.scores["crps"]
        return {
            str(name): paired_difference(crps.sel(forecast=MODEL), crps.sel(forecast=name))
            for name in crps["forecast"].to_numpy()
            if name != MODEL
        }

    @property
    def outside(self) -> str:
        """Where the model's forecasts are far outside anything seen, in words; "" where they are not."""
        words = []
        for origin in self.scores["origin"].to_numpy():
            flagged = self.scores["far_outside"].sel(origin=origin)
            weeks = origin + (self.scores["ahead"].to_numpy() - 1) * np.timedelta64(7, "D")
            said = outside_words(
                flagged.assign_coords(week=("ahead", weeks)).swap_dims(ahead="week"), self.log
            )
            words += [f"the forecast from {str(origin)[:10]} is {said}"] if said else []
        return "\n".join(words)

    @property
    def words(self) -> str:
        """What it comes to."""
        covered, error = self.pooled["coverage_90"], self.pooled["mape"]
        words = f"over {self.scores.sizes['origin']} origins, {self.scores.sizes['ahead']} weeks ahead: CRPS beside "
        words += "; ".join(f"{name} {found.words}" for name, found in self.differences.items())
        words += f"; 90 % intervals hold {covered:.0%} of the weeks, the median errs by {error:.1%}"
        if covered < 0.8:
            words += "; too sure of itself"
        return words + (f" (approximate engine: {self.approximate})" if self.approximate else "")

    def _rows(self, scores: xr.Dataset, first: dict[str, object]) -> list[dict[str, object]]:
        dims = [dim for dim in ("origin", "ahead", "geo") if dim in scores.dims]
        by = scores.drop_vars(["actual", "far_outside"], errors="ignore").mean(dims)
        model = scores["crps"].sel(forecast=MODEL)
        rows: list[dict[str, object]] = []
        for name in by["forecast"].to_numpy():
            own = by.sel(forecast=name)
            if not np.isfinite(own["crps"]):
                continue  # a history too short for it
            same_weeks = float(model.where(np.isfinite(scores["crps"].sel(forecast=name))).mean())
            rows.append(
                {
                    **first,
                    "forecast": str(name),
                    "crps": float(own["crps"]),
                    "skill": np.nan if name == MODEL else 1 - same_weeks / float(own["crps"]),
                    "skill_se": np.nan,
                    "p_value": np.nan,
                    "verdict": "",
                    "mape": float(own["error"]),
                    **{f"coverage_{q}": float(own[f"covered_{q}"]) for q in INTERVALS},
                }
            )
        return rows


def backtest(
    table: pd.DataFrame,
    spec: ModelSpec,
    origins: int = 4,
    horizon: int = 13,
    step: int | None = None,
    draws: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> Backtest:
    """Refit at several origins and score the forecasts.

    Args:
        table: the weekly table.
        origins: how many; the last one is `horizon` weeks before the end of the table.
        horizon: weeks forecast from each.
        step: weeks between origins; `horizon` by default, so that no week is forecast twice.
        draws: kept draws a chain of each refit; by default the specification's, and no more than 1000 in all.
        progress: told how far it is.

    Raises:
        InputError: the table was refused, or the first origin would leave fewer than 26 weeks to learn from.
    """
    step = horizon if step is None else step
    if min(origins, horizon, step) < 1:
        raise InputError(f"origins, horizon and step must be 1 or more, got {origins}, {horizon}, {step}")
    weeks = model_data(table, spec, source).sizes["week"]
    held = [horizon + step * back for back in reversed(range(origins))]
    if weeks - held[0] < LEAST_HISTORY:
        most, longest = (weeks - LEAST_HISTORY - horizon) // step + 1, weeks - LEAST_HISTORY
        if most > 0:
            remedy = f"ask for {most} origin{'s' * (most > 1)} at most"
        else:
            remedy = (
                f"shorten the horizon, with one origin to {longest} weeks at most"
                if longest > 0
                else "use a longer table"
            )
        each = f"each of {origins} origins {step} weeks apart" if origins > 1 else "one origin"
        raise InputError(
            f"{source}: forecasting {horizon} weeks from {each} takes the last {held[0]} weeks, and at least "
            f"{LEAST_HISTORY} before them to learn from; the model has {weeks}: {remedy}"
        )
    draws = draws or kept_draws(spec)
    trees = []
    for number, out in enumerate(held, start=1):
        numbered = None if progress is None else numbered_progress(progress, number, origins)
        trees.append(fit(table, spec, numbered, source, holdout_weeks=out, draws=draws))
    return score_origins(trees, horizon)


def score_origins(trees: Sequence[xr.DataTree | Posterior], horizon: int) -> Backtest:
    """Scores of several refits' forecasts, of the first `horizon` weeks that each has not seen."""
    trees = sorted(trees, key=lambda tree: -int(Posterior.of(tree).data.attrs["holdout_weeks"]))
    parts, first = [score_origin(tree, horizon) for tree in trees], Posterior.of(trees[0])
    names = dict.fromkeys(str(name) for part in reversed(parts) for name in part["forecast"].to_numpy())
    parts = [part.reindex(forecast=list(names)) for part in parts]
    scores = xr.concat(parts, dim="origin", join="exact")
    scores = scores.transpose("forecast", "origin", "ahead", "geo")
    return Backtest(first.model, first.approximate, scores, first.spec.kpi.scale == "log")


def kept_draws(spec: ModelSpec) -> int:
    """Kept draws a chain of a refit whose forecasts are scored: no more than 1000 in all are looked at."""
    return min(spec.fit.draws, max(DRAWS // spec.fit.chains, 100))


@one_blas_thread
def score_origin(tree: xr.DataTree | Posterior, horizon: int) -> xr.Dataset:
    """Scores of one refit's forecast of the first `horizon` weeks it has not seen, and of the simple forecasts."""
    posterior = Posterior.of(tree)
    data = posterior.data
    weeks, out = data.sizes["week"], int(data.attrs["holdout_weeks"])
    first, end = weeks - out, weeks - out + horizon
    kpi = data["kpi"].to_numpy()
    actual = kpi[:, first:end]
    seen = np.where(data["observed"].to_numpy(), kpi, np.nan)[:, :first]
    positions = posterior.thinned(DRAWS)
    expected = baseline_and_expected(posterior, positions)[1]
    drawn = with_noise(posterior, expected, positions)[..., first:end]
    design, prior_sd = data["design"].to_numpy()[:, :end], data["design_prior_sd"].to_numpy()
    simple = simple_forecasts(seen, design, horizon, prior_sd)
    scored = [scored_draws(drawn, actual), *(scored_normal(forecast, actual) for forecast in simple)]
    names = pd.Index([MODEL, *(forecast.name for forecast in simple)], name="forecast")
    both = xr.concat(scored, dim=names, join="exact")
    both["actual"] = (("geo", "ahead"), actual)
    both["far_outside"] = (("geo", "ahead"), far_outside(drawn, seen))
    both = both.assign_coords(ahead=np.arange(1, horizon + 1), geo=data["geo"].to_numpy())
    return both.expand_dims(origin=[data["week"].to_numpy()[first]])


def scored_draws(draws: np.ndarray, actual: np.ndarray) -> xr.Dataset:
    """Scores of draws (draw, geo, ahead) against the KPI (geo, ahead); as `Backtest.scores` has them."""
    ends = {q: np.quantile(draws, [(1 - q / 100) / 2, (1 + q / 100) / 2], axis=0) for q in INTERVALS}
    middle = draws.mean(axis=0), np.median(draws, axis=0)
    return _scored(*middle, crps_of_draws(draws, actual), ends, actual)


def scored_normal(forecast: NormalForecast, actual: np.ndarray) -> xr.Dataset:
    """The same of a forecast with normal errors."""
    ends = {
        q: forecast.mean + forecast.sd * stats.norm.ppf((1 + q / 100) / 2) * np.array([-1, 1])[:, None, None]
        for q in INTERVALS
    }
    crps = crps_of_normal(forecast.mean, forecast.sd, actual)
    return _scored(forecast.mean, forecast.mean, crps, ends, actual)


def _scored(
    mean: np.ndarray, median: np.ndarray, crps: np.ndarray, ends: dict[int, np.ndarray], actual: np.ndarray
) -> xr.Dataset:
    """Scores over (geo, ahead); nan where the KPI is not known."""
    known = np.isfinite(actual)
    divisor = np.where(known & (actual != 0), actual, np.nan)
    values = {"mean": mean, "median": median, "crps": np.where(known, crps, np.nan)}
    values["error"] = np.abs(median / divisor - 1)
    for q, (low, high) in ends.items():
        values[f"covered_{q}"] = np.where(known, (low <= actual) & (actual <= high), np.nan)
    return xr.Dataset({name: (("geo", "ahead"), value) for name, value in values.items()})


def numbered_progress(
    progress: Callable[[Progress], None], number: int, of: int
) -> Callable[[Progress], None]:
    """Progress that says of which of several refits it is."""
    return lambda now: progress(replace(now, phase=f"origin {number} of {of}, {now.phase}"))
