"""What a plan of the coming weeks brings, draw by draw.

    kpi          expected in the planned weeks: level, season, controls, all media and what the weeks before carry in
    incremental  what the horizon's paid media bring: expected outcome with them less without any of them, what they
                 carry over after the horizon included. Media before and after it are the same on both sides: what
                 they bring is not counted, and what the horizon's media bring saturates with them. As a budget counts
                 (`mmm_core.effects.curves`); of one with `horizon: long` by way of the brand as well
                 (`mmm_core.budget.long_effect`), and of one with a `discount` with later outcome counting less
    total        outcome of the planned weeks and what they carry out: what plans are compared by
    profit       margin x total - spend, where there is a margin

Draws are common to all plans: parameters, the level's steps, and the noise. Noise is the same under every plan, so what
is compared is expected outcome; the noise counts in the interval of the KPI and of the outcome alone. A unit of the KPI
is worth what it was in the last weeks, their mean afterwards, unless the plan states it.

Where the KPI's logarithm is modelled effects multiply: `incremental` is then that of all media together, and a
channel's that of taking it away alone. A budget works it out on the weeks that come again, a scenario on those ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mmm_core.budget.long_effect import LongEffect, long_effect
from mmm_core.data.plan import Plan, read_plan
from mmm_core.effects.curves import discounted, repeated_values, response_positions
from mmm_core.forecast.predict import level_and_noise, scaled_frequency
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.predictor import Predictor
from mmm_core.scenarios.plan import ScenarioPlan
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class Evaluated:
    """A plan and what it brings.

    Attributes:
        draws: over draw, week (planned ones) and channel (paid): kpi (draw, week) and outcome (draw, week), expected;
            kpi_noise, outcome_noise (draw, week) with the weeks' noise; incremental (draw,), and of it carried_out
            (draw,), what media carry over after the horizon, and long_term (draw,), what they bring by way of the
            brand; incremental_weekly (draw, week), without the long term; by_channel (draw, channel); total (draw,).
        assumed: what the plan left open, in words.
    """

    plan: ScenarioPlan
    draws: xr.Dataset
    assumed: tuple[str, ...]

    @property
    def spend(self) -> float:
        """Over the horizon, all paid channels."""
        return float(self.plan.spend.sum())

    def profit(self, margin: float) -> np.ndarray:
        """(draw,) margin of the total less what media cost."""
        return np.asarray(margin * self.draws["total"].to_numpy() - self.spend)


class Evaluator:
    """Evaluates plans of one horizon on common draws.

    Args:
        posterior: whose draws.
        weeks: of the horizon.
        seed: of the level's steps and the noise, as `mmm forecast` has it.
        budget: whose `horizon` and `discount` hold; default the model's own.
        long_term: of this posterior, for a budget with `horizon: long`.

    Raises:
        InputError: as `mmm_core.budget.long_effect.long_effect`.
    """

    def __init__(
        self,
        posterior: Posterior,
        weeks: int,
        seed: int = 0,
        budget: Budget | None = None,
        long_term: LongTerm | None = None,
    ) -> None:
        self.posterior, self.weeks, self.seed = posterior, weeks, seed
        self.budget = budget or posterior.spec.budget
        self.positions = response_positions(posterior, weeks)
        self.long: LongEffect | None = None
        if self.budget.horizon == "long":
            self.long = long_effect(long_term, posterior, self.budget, posterior.spec.paid, self.positions)
        self.predictor: Predictor = posterior.predictor(self.positions)
        self.level, self.noise = level_and_noise(posterior, self.positions, weeks, seed)

    def evaluate(self, plan: ScenarioPlan) -> Evaluated:
        """What a plan brings. Raises InputError as `mmm_core.data.plan.read_plan`."""
        planned = read_plan(plan.table, self.posterior.spec, self.posterior.data, f"scenario '{plan.name}'")
        off = replace(planned, exposure=self._without_paid(planned.exposure))
        frequency = scaled_frequency(self.posterior, planned)
        worth = self._worth(plan)
        parts = [
            self._some_draws(which, planned, off, frequency, worth)
            for which in self.predictor.chunks(terms=len(self.posterior.spec.channels))
        ]
        draws = xr.concat(parts, "draw") if len(parts) > 1 else parts[0]
        dates = plan.horizon.planned
        draws = draws.assign_coords(channel=list(self.posterior.spec.paid), week=dates, draw=self.positions)
        return Evaluated(plan, self._with_long_term(draws, plan), planned.assumed)

    def _with_long_term(self, draws: xr.Dataset, plan: ScenarioPlan) -> xr.Dataset:
        """The figures with what the plan brings by way of the brand, 0 where only the short term counts."""
        shape = (draws.sizes["draw"], draws.sizes["channel"])
        more = np.zeros(shape) if self.long is None else self.long.per_spend * plan.bought()
        by_channel = xr.DataArray(more, dims=("draw", "channel"))
        out = draws.assign(long_term=by_channel.sum("channel"), by_channel=draws["by_channel"] + by_channel)
        return out.assign({name: out[name] + out["long_term"] for name in ("incremental", "total")})

    def _without_paid(self, exposure: np.ndarray) -> np.ndarray:
        """A plan without the horizon's paid media; those after it stay."""
        out = exposure.copy()
        out[:, : self.weeks, : len(self.posterior.spec.paid)] = 0.0
        return out

    def _worth(self, plan: ScenarioPlan) -> np.ndarray:
        """Revenue of a unit of the KPI, (geo, week), over the planned weeks and the tail."""
        worth = repeated_values(self.predictor.worth, self.weeks, plan.horizon.tail)
        if plan.worth is not None:
            worth = worth.copy()
            worth[:, : self.weeks] = plan.worth
        return worth

    def _some_draws(
        self, which: slice, planned: Plan, off: Plan, frequency: np.ndarray | None, worth: np.ndarray
    ) -> xr.Dataset:
        """The figures of some draws."""
        predictor, weeks, paid = self.predictor, self.weeks, len(self.posterior.spec.paid)
        terms = predictor.media_terms_ahead(which, planned.exposure, frequency)
        without = predictor.media_terms_ahead(which, off.exposure, frequency)
        level = self.level[which]
        tail = planned.exposure.shape[1] - weeks
        level = np.concatenate([level, np.repeat(level[:, -1:], tail, axis=1)], axis=1)  # it stays
        fixed = np.einsum("gtk,ngk->ngt", planned.design, predictor.fixed_effect[which])
        base_terms = level[:, None, :] + fixed
        unit = predictor.media.unit[:, None]
        base = predictor.expected(base_terms * unit, which)
        expected = predictor.with_media(base, terms)
        counted = worth * discounted(self.budget.discount, worth.shape[-1])
        brought = (expected - predictor.with_media(base, without)) * counted
        alone = predictor.gain(expected, (terms - without)[..., :paid])
        if not predictor.log:
            brought = alone.sum(-1) * counted
        kpi = expected[:, :, :weeks]
        noisy = terms.sum(-1)[:, :, :weeks] + (base_terms[:, :, :weeks] + self.noise[which]) * unit
        if predictor.log:
            noisy = np.exp(noisy) * predictor.media.population[:, None]
        outcome = (kpi * worth[:, :weeks]).sum(1)
        carried = brought[:, :, weeks:].sum((1, 2))
        return xr.Dataset(
            {
                "kpi": (("draw", "week"), kpi.sum(1)),
                "outcome": (("draw", "week"), outcome),
                "kpi_noise": (("draw", "week"), noisy.sum(1)),
                "outcome_noise": (("draw", "week"), (noisy * worth[:, :weeks]).sum(1)),
                "incremental": (("draw",), brought.sum((1, 2))),
                "carried_out": (("draw",), carried),
                "incremental_weekly": (("draw", "week"), brought[:, :, :weeks].sum(1)),
                "by_channel": (("draw", "channel"), np.einsum("ngtc,gt->nc", alone, counted)),
                "total": (("draw",), (kpi * counted[:, :weeks]).sum((1, 2)) + carried),
            }
        )
