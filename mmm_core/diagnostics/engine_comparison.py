"""Several engines on one specification and table: what each says of the returns, how it fits, how it forecasts.

Every engine fits the whole table, and once more without its last weeks, whose KPI it then forecasts. An engine that
cannot fit is listed with its reason, and the others go on. Engines disagree on a channel where each one's mean lies
outside of the other's 90 % interval: chance and priors move a mean within its interval, other models beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmm_core.data.arrays import model_data
from mmm_core.diagnostics.convergence import unconverged
from mmm_core.effects.roi import roi_draws, summarise
from mmm_core.errors import InputError
from mmm_core.forecast.backtest import MODEL, kept_draws, score_origin
from mmm_core.forecast.predictive import posterior_predictive
from mmm_core.forecast.scores import mape
from mmm_core.inference.engines import engine_module
from mmm_core.inference.fit import fit
from mmm_core.inference.runtime import configure
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

ENGINES = ("numpyro", "pymc", "meridian", "ridge")
"""The engines that are compared where none is named."""

HOLDOUT_WEEKS = 13

FIGURES = ("r2", "mape", "crps", "coverage_90", "seconds", "rhat", "ess_bulk")
"""Of each engine, see `EngineComparison.table`."""


@dataclass(frozen=True)
class EngineComparison:
    """What the engines say.

    Attributes:
        model: its name. returns_in: what a return is counted in.
        holdout_weeks: last weeks that were forecast by refits without them; 0 where none were.
        table: a row an engine in the order asked for: engine; approximate (what is, "" where nothing is); r2 and mape
            of the fit to the KPI, geos summed, in its observed weeks; crps (KPI units) and coverage_90 of the forecasts
            of the weeks held out; seconds of the fit to the whole table; rhat (largest) and ess_bulk (smallest), nan
            where an engine has no chains; not_converged; reason: why it could not fit, "" where it could. A figure that
            does not exist is nan.
        returns: a row an engine and paid channel: engine, channel, mean, median, sd, q05, q95 of the ROI,
            approximate.
        simple: CRPS of the simple forecasts of the same weeks, by name.
    """

    model: str
    returns_in: str
    holdout_weeks: int
    table: pd.DataFrame
    returns: pd.DataFrame
    simple: dict[str, float]

    @cached_property
    def disagreements(self) -> list[str]:
        """A sentence for each channel and pair of engines, each of whose means is outside of the other's interval."""
        return self._disagreements(list(self.table["engine"]))

    def _disagreements(self, engines: list[str]) -> list[str]:
        """Those between some of the engines."""
        found = []
        returns = self.returns[self.returns["engine"].isin(engines)]
        for channel, rows in returns.groupby("channel", sort=False):
            for one, other in combinations(rows.to_dict("records"), 2):
                if not _within(one["mean"], other) and not _within(other["mean"], one):
                    found.append(
                        f"{channel}: {_stated(one)}, {_stated(other)}: each outside of the other's interval"
                    )
        return found

    @property
    def words(self) -> list[str]:
        """What it comes to, a sentence each."""
        fitted = self.table[self.table["reason"] == ""]
        out = list(self.disagreements)
        exact = list(fitted.loc[fitted["approximate"] == "", "engine"])
        if not out and len(fitted) > 1:
            out = [f"{len(fitted)} engines agree on every channel within their 90 % intervals"]
        elif len(exact) > 1 and not self._disagreements(exact):
            names = f"{', '.join(exact[:-1])} and {exact[-1]}"
            out.insert(
                0, f"{names}, which are not approximate, agree on every channel within their 90 % intervals"
            )
        known = fitted.dropna(subset="crps").sort_values("crps")
        if len(known):
            best = known.iloc[0]
            beaten = [name for name, crps in self.simple.items() if best["crps"] >= crps]
            out.append(
                f"{best['engine']} forecasts the last {self.holdout_weeks} weeks best"
                + (f", and no better than {' and '.join(beaten)}" if beaten else "")
                + "; one forecast origin is one throw: `mmm backtest` takes several"
            )
        said = {"not_converged": " has not converged", "approximate": " is approximate", "reason": ""}
        rows = self.table.to_dict("records")
        out += [
            f"{row['engine']}{words}: {row[name]}"
            for name, words in said.items()
            for row in rows
            if row[name]
        ]
        return out


def compare(
    table: pd.DataFrame,
    spec: ModelSpec,
    engines: Iterable[str] = ENGINES,
    holdout_weeks: int = HOLDOUT_WEEKS,
    draws: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> EngineComparison:
    """Fit a specification by several engines, one after another, and hold their answers against each other.

    The same table, specification and engines give the same figures, seconds aside.

    Args:
        table: the weekly table.
        spec: whose `fit.engine` plays no part.
        engines: names of `mmm_core.inference.engines.ENGINES`; one that is named twice is fitted once.
        holdout_weeks: last weeks to forecast; 0 leaves the refits out.
        draws: kept draws a chain; by default the specification's.
        progress: told how far it is.
        source: what to call the table in messages.

    Raises:
        InputError: the table was refused, an engine is unknown, or none of them could fit.
    """
    names = list(dict.fromkeys(engines))
    for name in names:
        engine_module(name)
    model_data(table, spec, source, holdout_weeks)  # a table at fault is everyone's fault
    configure(spec.fit.chains, spec.fit.precision, spec.fit.layout)  # for all engines, whichever comes first
    found = [_fitted(name, table, spec, holdout_weeks, draws, progress, source) for name in names]
    if all(figures.row["reason"] for figures in found):
        reasons = "\n".join(f"  {figures.row['engine']}: {figures.row['reason']}" for figures in found)
        raise InputError(f"model {spec.model}: none of the engines can fit it\n{reasons}")
    first = next(figures for figures in found if not figures.row["reason"])
    return EngineComparison(
        spec.model,
        first.returns_in,
        holdout_weeks,
        pd.DataFrame([figures.row for figures in found]),
        pd.DataFrame([row for figures in found for row in figures.returns]),
        next((figures.simple for figures in found if figures.simple), {}),
    )


@dataclass(frozen=True)
class _Found:
    """Of one engine: its row of the table, its returns, and the simple forecasts of the weeks held out."""

    row: dict[str, Any]
    returns: list[dict[str, Any]]
    returns_in: str
    simple: dict[str, float]


def _fitted(
    name: str,
    table: pd.DataFrame,
    spec: ModelSpec,
    holdout_weeks: int,
    draws: int | None,
    progress: Callable[[Progress], None] | None,
    source: str,
) -> _Found:
    """One engine's figures, or why there are none."""
    spec = spec.model_copy(update={"fit": spec.fit.model_copy(update={"engine": name})})
    row: dict[str, Any] = {"engine": name, "approximate": "", **dict.fromkeys(FIGURES, np.nan)}
    row |= {"not_converged": "", "reason": ""}
    simple: dict[str, float] = {}
    try:
        posterior = Posterior.of(fit(table, spec, _named(progress, name), source, draws=draws))
        row |= _figures(posterior)
        if holdout_weeks:
            kept = draws or kept_draws(spec)
            refit = fit(
                table, spec, _named(progress, f"{name} without the last weeks"), source, holdout_weeks, kept
            )
            forecast, simple = _forecast(refit, holdout_weeks)
            row |= forecast
    except (
        Exception
    ) as error:  # other people's code may stop with anything: what others found must not go with it
        said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return _Found(row | dict.fromkeys(FIGURES, np.nan) | {"reason": _short(said, spec.model)}, [], "", {})
    drawn = roi_draws(posterior)
    returns = [
        {"engine": name, "channel": channel, **summarise(drawn["roi"].sel(channel=channel).to_numpy())}
        | {"approximate": posterior.approximate}
        for channel in spec.paid
    ]
    return _Found(row, returns, str(drawn.attrs["returns"]), simple)


def _figures(posterior: Posterior) -> dict[str, Any]:
    """How a posterior fits the KPI of its observed weeks, geos summed, and how its chains mixed."""
    drawn = posterior_predictive(posterior)
    seen = posterior.data["observed"].to_numpy().all(axis=0)
    actual = drawn["actual"].to_numpy().sum(0)[seen]
    expected = drawn["expected"].mean("draw").to_numpy().sum(0)[seen]
    out = {
        "approximate": posterior.approximate,
        "r2": 1 - float(((actual - expected) ** 2).sum() / ((actual - actual.mean()) ** 2).sum()),
        "mape": mape(expected, actual),
        "seconds": float(posterior.attrs["total_seconds"]),
        "not_converged": unconverged(posterior),
    }
    if not posterior.approximate:
        out |= {"rhat": posterior.mixing.worst("rhat")[0], "ess_bulk": posterior.mixing.worst("ess_bulk")[0]}
    return out


def _forecast(refit: Any, weeks: int) -> tuple[dict[str, float], dict[str, float]]:
    """Scores of a refit's forecast of the weeks it has not seen, and CRPS of the simple ones by name."""
    scores = score_origin(refit, weeks).mean(("origin", "ahead", "geo"))
    crps = {str(name): float(scores["crps"].sel(forecast=name)) for name in scores["forecast"].to_numpy()}
    covered = float(scores["covered_90"].sel(forecast=MODEL))
    return {"crps": crps.pop(MODEL), "coverage_90": covered}, crps


def _within(value: float, row: Mapping[Any, Any]) -> bool:
    return bool(row["q05"] <= value <= row["q95"])


def _stated(row: Mapping[Any, Any]) -> str:
    return f"{row['engine']} says {row['mean']:.2f} ({row['q05']:.2f} to {row['q95']:.2f})"


def _short(said: str, model: str) -> str:
    """A reason on one line, without the model's name and the advice to take another engine."""
    lines = [line.strip() for line in said.removeprefix(f"model {model}: ").splitlines()]
    lines = [line for line in lines if line and not line.startswith("or use `fit: {engine")]
    return lines[0] + (": " + "; ".join(lines[1:]) if len(lines) > 1 else "")


def _named(progress: Callable[[Progress], None] | None, name: str) -> Callable[[Progress], None] | None:
    return None if progress is None else lambda now: progress(replace(now, phase=f"{name}, {now.phase}"))
