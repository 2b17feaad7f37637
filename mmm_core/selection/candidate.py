"""One specification among those to choose from: scored on weeks it has not seen, or why it could not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from mmm_core.data.arrays import model_data
from mmm_core.diagnostics.loo import Loo, loo
from mmm_core.errors import InputError
from mmm_core.forecast.backtest import MODEL, Backtest, backtest, kept_draws
from mmm_core.inference.fit import fit
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

MOST_RHAT = 1.05
"""R-hat of a short fit above which a candidate's scores are doubted in words."""


@dataclass(frozen=True)
class Candidate:
    """A specification and how it forecasts.

    Attributes:
        name: what to call it.
        spec: as it was scored; None where its YAML was refused.
        unknowns: how many things it has to learn; the fewer, the simpler.
        backtest: its rolling-origin scores. loo: of a fit on all weeks; both None where it could not be fitted.
        note: what to doubt of its scores, "" where nothing is.
        reason: why it could not be scored, "" where it was.
    """

    name: str
    spec: ModelSpec | None
    unknowns: int = 0
    backtest: Backtest | None = None
    loo: Loo | None = None
    note: str = ""
    reason: str = ""

    @property
    def crps(self) -> xr.DataArray:
        """Of its forecasts, (origin, ahead, geo). Only where it was scored."""
        assert self.backtest is not None
        return self.backtest.scores["crps"].sel(forecast=MODEL, drop=True)


@dataclass(frozen=True)
class Rounds:
    """How candidates are scored, the same for all of them: arguments of `mmm_core.forecast.backtest.backtest`.

    `candidates` is how many there will be, about, for the progress.
    """

    table: pd.DataFrame
    origins: int
    horizon: int
    step: int
    draws: int | None
    source: str
    progress: Callable[[Progress], None] | None
    candidates: int


def scored(name: str, spec: ModelSpec, rounds: Rounds, number: int) -> Candidate:
    """Backtest a specification and estimate its leave-one-out density; a reason instead where that fails.

    Args:
        number: which candidate it is, for the progress.
    """
    told = rounds.progress and _named(rounds.progress, name, number, rounds.candidates)
    try:
        data = model_data(rounds.table, spec, rounds.source)
        found = backtest(
            rounds.table, spec, rounds.origins, rounds.horizon, rounds.step, rounds.draws, told, rounds.source
        )
        posterior = Posterior.of(
            fit(rounds.table, spec, told, rounds.source, draws=rounds.draws or kept_draws(spec))
        )
        try:
            density = loo(posterior)
        except InputError:  # an engine without a likelihood
            density = None
    except Exception as error:  # one that cannot be fitted stops no other
        refused = isinstance(error, InputError)
        return Candidate(name, spec, reason=str(error) if refused else f"{type(error).__name__}: {error}")
    note = "; ".join(
        filter(None, (_doubts(posterior), found.outside.splitlines()[0] if found.outside else ""))
    )
    return Candidate(name, spec, unknowns(spec, data.sizes["term"]), found, density, note)


def unknowns(spec: ModelSpec, terms: int) -> int:
    """How many things a specification has to learn: terms of the baseline, parameters of channels, scales.

    Args:
        terms: of its design: intercept, controls, treatments, trend, season, events.
    """
    shapes = sum(len(channels) for channels in spec.shape_parameters.values())
    walks = (spec.baseline.level == "random_walk") + (spec.baseline.slope == "random_walk")
    heavy_tails = spec.student_t is not None
    return terms + len(spec.channels) + shapes + walks + heavy_tails + 1  # the noise


def _doubts(posterior: Posterior) -> str:
    if posterior.approximate:
        return f"approximate engine: {posterior.approximate}"
    rhat, _ = posterior.mixing.worst("rhat")
    return "" if rhat is not None and rhat < MOST_RHAT else f"R-hat {rhat:.3g} of a short fit"


def _named(
    progress: Callable[[Progress], None], name: str, number: int, candidates: int
) -> Callable[[Progress], None]:
    """Progress by candidates, each fit of one named once; the memory is said of the first alone."""

    def report(now: Progress) -> None:
        which = now.phase.rpartition(", ")[0] or "all weeks"
        message = now.message if number == 1 else ""
        phase = f"specification {number} of about {candidates} ({name}), {which}"
        progress(replace(now, phase=phase, done=number - 1, total=max(candidates, number), message=message))

    return report
