"""Budget allocation: which split of next period's spend brings the most expected outcome, and how sure that is.

The plan keeps each channel's flighting of the last comparable period (the last `weeks` weeks) and scales it, within
bounds relative to that period's spend or in money. See `mmm_core.budget.optimum` for the solver and
`mmm_core.effects.curves` for what a response is, and what a channel that was off repeats.

The certificate is about the sum over channels of the mean responses over the posterior draws that a plan uses (at most
1000). Where the KPI's logarithm is modelled that sum is an approximation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jax.tree_util import Partial

from mmm_core.budget.bounds import notes, refuse_infeasible, spend_bounds
from mmm_core.budget.constraints import Constraints, Limit
from mmm_core.budget.envelope import Cells
from mmm_core.budget.glance import in_full
from mmm_core.budget.optimum import Certificate, maximise
from mmm_core.budget.shadow_prices import shadow_prices
from mmm_core.effects.curves import ResponseArrays, SpendResponse, draws_at, spend_response
from mmm_core.effects.slopes import cell_bounds
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class Allocation:
    """A recommended budget with its certificate.

    Revenue is incremental, over the horizon and the weeks it carries into; of a KPI that has no revenue it is units of
    the KPI, as `outcome` says.

    Attributes:
        channels: a row a paid channel: channel, current_spend, recommended_spend, lower, upper (spend),
            current_revenue, recommended_revenue (expected), recommended_revenue_q05, recommended_revenue_q95,
            mroi (expected revenue of one more unit of spend at the recommendation; nan where the channel can take no
            spend), gap (the certificate's), note (what to know of a channel that was off; "" of the others).
        weeks: length of the horizon.
        total, current_total: spend recommended and spent in the last comparable period.
        current_revenue, recommended_revenue: expected, over all channels.
        gain, gain_q05, gain_q95: revenue of the recommendation less that of the current mix scaled to the same total.
        probability_better: posterior probability that the gain is positive.
        bound: expected revenue that no plan within the constraints exceeds.
        gap: (bound - recommended_revenue) / bound.
        kkt_residual: the most that moving one unit of spend between channels would gain, relative to mroi.
        outcome: what `revenue` and `gain` are counted in: revenue, or the KPI.
        approximate: "" or "approximate: " and why, where the posterior is not exact.
        words: what was asked, the certificate and what holds the plan back, where more than the plain question was
            asked (`Budget.asks_more`): the plan is then that of `mmm_core.budget.decide`, `gain` is over the current
            plan as it was, and `bound`, `gap` and `mroi` are of what the words say is maximised.
        gain_in: what `gain` is counted in: the outcome, whatever the plans cost, or profit.
        cells: of a plan by geo, week or pattern, a row each: channel, geo, week (from 1), pattern, current_spend,
            recommended_spend; None where channels are all there is.
        horizon: short: every figure is of what media bring within their carryover; long: by way of the brand too.
        marginal_in: what `mroi` is counted in for a unit of spend: outcome, risk_adjusted (of a risk objective), net
            (of what spend costs) or probability.
        prices: what holds the plan back and what a little more room would bring, sentences, the highest price first;
            of a question beyond the plain one they are among `words` too.
        stopped_early: what ended before the bound proved the plan; "" where it does.
    """

    channels: pd.DataFrame
    weeks: int
    total: float
    current_total: float
    current_revenue: float
    recommended_revenue: float
    gain: float
    gain_q05: float
    gain_q95: float
    probability_better: float
    bound: float
    gap: float
    kkt_residual: float
    outcome: str = "revenue"
    approximate: str = ""
    words: tuple[str, ...] = ()
    gain_in: str = "revenue"
    horizon: str = "short"
    cells: pd.DataFrame | None = None
    marginal_in: str = "outcome"
    prices: tuple[str, ...] = ()
    stopped_early: str = ""


def allocate(
    tree: xr.DataTree | Posterior,
    budget: Budget | None = None,
    progress: Callable[[int, int], None] | None = None,
    long_term: LongTerm | None = None,
) -> Allocation:
    """Maximise expected outcome of the next period under the total and the bounds, or answer what else is asked.

    Args:
        tree: a posterior.
        budget: the question; default the model's own.
        progress: told (steps done, steps) of the solver.
        long_term: of this posterior, for a budget with `horizon: long`; not looked at by others.

    Raises:
        InputError: bounds that name no paid channel, a total outside what they allow (the message names the fewest that
            conflict with it), a total that is not stated where nothing was spent in the last comparable period, or a
            horizon longer than the data; `horizon: long` without a long term that can be planned by.
    """
    question = budget or Posterior.of(tree).spec.budget
    if question.asks_more:
        return _of_decision(tree, question, progress, long_term)
    with jax.enable_x64(True):
        asked = posed(tree, budget)
        response, arrays, unit = asked.response, asked.response.arrays, asked.response.unit
        current, total, lower, upper = response.current, asked.total, asked.lower, asked.upper
        plan, certificate = asked.solved(progress)
        scaled_mix = current * (total / current.sum()) if current.sum() > 0 else current
        plans = jnp.asarray(np.stack([current, plan, scaled_mix]) / unit)
        draws = np.asarray(draws_at(arrays, plans))
    revenue = draws.mean(axis=1)
    gain = (draws[1] - draws[2]).sum(axis=1)
    low, high = np.quantile(draws[1], [0.05, 0.95], axis=0)
    table = pd.DataFrame(
        {
            "channel": response.channels,
            "current_spend": current,
            "recommended_spend": plan,
            "lower": lower,
            "upper": upper,
            "current_revenue": revenue[0],
            "recommended_revenue": revenue[1],
            "recommended_revenue_q05": low,
            "recommended_revenue_q95": high,
            "mroi": np.where(upper > 0, certificate.marginal, np.nan),
            "gap": certificate.gap,
            "note": notes(asked.budget, response),
        }
    )
    return Allocation(
        channels=labelled(table, tree),
        weeks=response.weeks,
        total=float(plan.sum()),
        current_total=float(current.sum()),
        current_revenue=float(revenue[0].sum()),
        recommended_revenue=float(revenue[1].sum()),
        gain=float(gain.mean()),
        gain_q05=float(np.quantile(gain, 0.05)),
        gain_q95=float(np.quantile(gain, 0.95)),
        probability_better=float((gain > 0).mean()),
        bound=certificate.bound,
        gap=certificate.gap,
        kkt_residual=certificate.kkt_residual,
        outcome=response.outcome,
        gain_in=response.outcome,
        approximate=approximation(tree),
        prices=asked.prices(plan, certificate),
        stopped_early=certificate.stopped_early,
    )


def _of_decision(
    tree: xr.DataTree | Posterior,
    budget: Budget,
    progress: Callable[[int, int], None] | None,
    long_term: LongTerm | None,
) -> Allocation:
    """The answer to a question beyond the plain one, by channel."""
    from mmm_core.budget.decide import decide

    found = decide(tree, budget, progress, long_term)
    names = {
        "current_outcome": "current_revenue",
        "recommended_outcome": "recommended_revenue",
        "recommended_outcome_q05": "recommended_revenue_q05",
        "recommended_outcome_q95": "recommended_revenue_q95",
        "marginal": "mroi",
    }
    table = found.channels.rename(columns=names).drop(columns="pattern")
    table.insert(len(table.columns) - 1, "gap", found.certificate.gap)
    certificate = found.certificate
    return Allocation(
        channels=labelled(table, tree),
        weeks=found.weeks,
        total=found.total,
        current_total=found.current_total,
        current_revenue=found.current_outcome,
        recommended_revenue=found.recommended_outcome,
        gain=found.gain,
        gain_q05=found.gain_q05,
        gain_q95=found.gain_q95,
        probability_better=found.probability_better,
        bound=certificate.bound,
        gap=certificate.gap,
        kkt_residual=certificate.kkt_residual,
        outcome=found.outcome,
        approximate=found.approximate,
        words=found.words,
        gain_in=found.gain_in,
        horizon=found.horizon,
        cells=found.cells if len(found.cells) > len(found.channels) else None,
        marginal_in=found.marginal_in,
        prices=tuple(binding.words for binding in certificate.binding),
        stopped_early=certificate.stopped_early,
    )


@dataclass(frozen=True)
class Question:
    """A budget question put to a posterior.

    Attributes:
        budget: as it was asked. response: of the posterior's draws to spend.
        total: what the plan must add up to. lower, upper: spend of each channel, (channel,). currency: of spend.
    """

    budget: Budget
    response: SpendResponse
    total: float
    lower: np.ndarray
    upper: np.ndarray
    currency: str = ""

    def solved(self, progress: Callable[[int, int], None] | None = None) -> tuple[np.ndarray, Certificate]:
        """The plan (channel,) with the most expected outcome, and its certificate; inside `jax.enable_x64(True)`."""
        arrays, unit = self.response.arrays, self.response.unit

        def enclose(low: np.ndarray, high: np.ndarray) -> Cells:
            first, last, least, most, top = map(np.asarray, cell_bounds(arrays, low / unit, high / unit))
            return Cells(low, high, first, last, least / unit, most / unit, top)

        expected = Partial(_expected, arrays, unit)
        return maximise(
            expected, self.lower, self.upper, self.total, self.response.current, enclose, progress
        )

    def prices(self, plan: np.ndarray, certificate: Certificate) -> tuple[str, ...]:
        """What holds a plan (channel,) back: the total and bounds that bind, each with what room would bring."""
        channels = self.response.channels
        total = Limit(
            f"the total of {in_full(self.total, self.currency)}",
            np.ones(len(channels)),
            self.total,
            self.total,
        )
        within = Constraints(channels, self.lower, self.upper, (total,), currency=self.currency)
        return tuple(found.words for found in shadow_prices(certificate.marginal, plan, within, "outcome")[0])


def posed(tree: xr.DataTree | Posterior, budget: Budget | None = None) -> Question:
    """The plain question: expected outcome of a fixed total by channel; inside `jax.enable_x64(True)`.

    Of a budget that asks nothing more (`Budget.asks_more`). Raises as `allocate`.
    """
    spec = Posterior.of(tree).spec
    budget = budget or spec.budget
    response = spend_response(tree, budget=budget)
    total = budget.total if budget.total is not None else float(response.current.sum())
    lower, upper = spend_bounds(budget, response, spec.model)
    refuse_infeasible(lower, upper, budget, response, spec.model)
    return Question(budget, response, total, lower, upper, spec.calibration.rule.currency)


def _expected(arrays: ResponseArrays, unit: Any, spend: Any) -> Any:
    """Mean over draws of the incremental outcome of a plan, (channel,)."""
    return arrays.expected(spend / unit)
