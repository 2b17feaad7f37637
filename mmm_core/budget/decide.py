"""The recommended plan of a model's budget question, whatever it asks: `decide`.

    question   the YAML and the posterior as a problem          mmm_core.budget.question, .cell_layout
    solve      cells that add up: envelopes, MILP               mmm_core.budget.solve, .target, .relaxation
    solve_weeks  weeks that carry over: concave majorant        mmm_core.budget.solve_weeks, .majorant, .flighting
    Decision   the plan in tables, its certificate, in words

`mmm_core.budget.allocation.allocate` answers the plain question, expected outcome of a fixed total by channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.change import ended_early
from mmm_core.budget.constraints import Constraints
from mmm_core.budget.flighting import Flight
from mmm_core.budget.glance import in_full
from mmm_core.budget.problem import Answer, PlanCertificate, Progress
from mmm_core.budget.question import Question, question
from mmm_core.budget.response import cell_outcomes
from mmm_core.budget.shadow_prices import NEAR
from mmm_core.budget.solve import maximised, solve
from mmm_core.budget.solve_weeks import solve_weeks
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation
from mmm_core.spec.budget_spec import Budget
from mmm_core.threads import one_blas_thread

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class Decision:
    """A recommended plan with its certificate.

    Attributes:
        question: what was asked. answer: the plan by cell, its draws, its certificate.
        channels: a row a channel: channel, current_spend, recommended_spend, lower, upper, current_outcome,
            recommended_outcome (expected), recommended_outcome_q05, recommended_outcome_q95, marginal (what one more
            unit of spend adds to what is maximised; of the cell of the channel with room for it where it adds the
            most), pattern (of its flighting, "" where none was chosen), note.
        cells: a row a cell: channel, geo, week (from 1; nan where weeks are not decided), pattern, current_spend,
            recommended_spend.
        total, current_total: spend.
        current_outcome, recommended_outcome: expected. gain, gain_q05, gain_q95, probability_better: of the plan's
            draws less those of the current plan, in `gain_in`: profit, each plan less what it costs, where profit is
            the goal; else outcome, whatever the two cost.
        certificate: of the plan.
        words: what was asked and what holds the plan back, sentences.
        horizon: short, or long where effects by way of the brand count as well.
        marginal_in: what `marginal` is counted in: outcome, risk_adjusted, net or probability.
    """

    question: Question
    answer: Answer
    channels: pd.DataFrame
    cells: pd.DataFrame
    weeks: int
    total: float
    current_total: float
    current_outcome: float
    recommended_outcome: float
    gain: float
    gain_q05: float
    gain_q95: float
    probability_better: float
    certificate: PlanCertificate
    words: tuple[str, ...]
    outcome: str
    gain_in: str
    approximate: str = ""
    horizon: str = "short"
    marginal_in: str = "outcome"


@one_blas_thread
def decide(
    tree: xr.DataTree | Posterior,
    budget: Budget | None = None,
    progress: Progress | None = None,
    long_term: LongTerm | None = None,
) -> Decision:
    """The plan that a budget asks for, with its certificate.

    Args:
        tree: a posterior.
        budget: the question; default the model's own.
        progress: told (steps done, steps).
        long_term: of this posterior, for a budget with `horizon: long`.

    Raises:
        InputError: what the model does not have, `horizon: long` without a long term to plan by, or constraints that no
            plan meets: a set of which none can be left out is named, with the nearest figure; a target that no plan
            reaches, with the nearest that one does.
    """
    with jax.enable_x64(True):
        asked = question(tree, budget, long_term)
        problem = asked.problem
        flight = isinstance(problem.response, Flight)
        answer = solve_weeks(problem, progress) if flight else solve(problem, progress=progress)
        current = problem.draws(asked.current)
        by_channel = [_by_channel(asked, plan) for plan in (asked.current, answer.spend)]
    gain = answer.draws - current
    profit = _profit(asked.budget)
    if profit:
        gain = problem.scale * gain - float(problem.price @ (answer.spend - asked.current))
    return Decision(
        question=asked,
        answer=answer,
        channels=_channel_table(asked, answer, *by_channel),
        cells=_cell_table(asked, answer),
        weeks=asked.weeks,
        total=float(answer.spend.sum()),
        current_total=float(asked.current.sum()),
        current_outcome=float(current.mean()),
        recommended_outcome=float(answer.draws.mean()),
        gain=float(gain.mean()),
        gain_q05=float(np.quantile(gain, 0.05)),
        gain_q95=float(np.quantile(gain, 0.95)),
        probability_better=float((gain > 0).mean()),
        certificate=answer.certificate,
        words=tuple(_words(asked, answer)),
        outcome=asked.outcome,
        gain_in="profit" if profit else asked.outcome,
        approximate=approximation(tree),
        horizon=asked.horizon,
        marginal_in=maximised(problem),
    )


def _by_channel(asked: Question, plan: np.ndarray) -> np.ndarray:
    """Outcome (draw, channel) of a plan (cell,)."""
    response = asked.problem.response
    if isinstance(response, Flight):
        return np.asarray(jax.jit(Flight.by_channel)(response, jnp.asarray(plan)))
    return asked.by_channel(np.asarray(cell_outcomes(response, jnp.asarray(plan)[None]))[0])


def _channel_table(
    asked: Question, answer: Answer, current: np.ndarray, recommended: np.ndarray
) -> pd.DataFrame:
    constraints, names = asked.problem.constraints, [cell.channel for cell in asked.cells]
    given = asked.problem.constraints.given(answer.spend > 0)
    rows = []
    spent, planned = asked.by_channel(asked.current), asked.by_channel(answer.spend)
    low, high = np.quantile(recommended, [0.05, 0.95], axis=0)
    for i, channel in enumerate(asked.channels):
        cells = [k for k, name in enumerate(names) if name == channel]
        lower, upper = float(constraints.lower[cells].sum()), float(constraints.upper[cells].sum())
        for limit in constraints.limits:
            if set(np.flatnonzero(limit.coefficients)) == set(cells) and len(cells) > 1:
                lower, upper = max(lower, limit.low), min(upper, limit.high)
        chosen = [asked.cells[k].pattern for k in cells if answer.spend[k] > 0]
        rows.append(
            {
                "channel": channel,
                "current_spend": float(spent[i]),
                "recommended_spend": float(planned[i]),
                "lower": lower,
                "upper": upper,
                "current_outcome": float(current[:, i].mean()),
                "recommended_outcome": float(recommended[:, i].mean()),
                "recommended_outcome_q05": float(low[i]),
                "recommended_outcome_q95": float(high[i]),
                "marginal": _marginal(answer, given, cells) if upper > 0 else np.nan,
                "pattern": chosen[0] if chosen else "",
                "note": asked.notes[i],
            }
        )
    return pd.DataFrame(rows)


def _marginal(answer: Answer, given: Constraints, cells: list[int]) -> float:
    """What a channel's next unit adds: in the cell with room for it that adds the most.

    A cell at its upper bound cannot have it, nor one of a flighting that was not chosen. Where none has room it is told
    of those with spend, and of a channel without any of all its cells.

    Args:
        given: the constraints at the switches of the plan. cells: the channel's.
    """
    marginal, spend = answer.certificate.marginal[cells], answer.spend[cells]
    upper = given.upper[cells]
    room = spend < upper - NEAR * np.maximum(upper, 1e-12)
    for those in (room, spend > 0):
        if those.any():
            return float(marginal[those].max())
    return float(marginal.max())


def _cell_table(asked: Question, answer: Answer) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": [cell.channel for cell in asked.cells],
            "geo": [cell.geo for cell in asked.cells],
            "week": [np.nan if cell.week is None else cell.week + 1 for cell in asked.cells],
            "pattern": [cell.pattern for cell in asked.cells],
            "current_spend": asked.current,
            "recommended_spend": answer.spend,
        }
    )


def _profit(budget: Budget) -> bool:
    """Whether profit is the goal."""
    return budget.goal is not None and budget.goal.profit is not None


def _net_words(asked: Question) -> str:
    """What a goal maximises that takes spend off at a price: profit, or outcome up to a marginal return."""
    words, rule = asked.problem.objective.words, asked.budget.goal
    if rule is not None and rule.mroi is not None:
        return f"maximised: {words}, less {rule.mroi:g} for each unit of spend, which is what the last one is to return"
    return f"maximised: profit, {words} x {asked.problem.scale:g} less spend"


def _words(asked: Question, answer: Answer) -> list[str]:
    problem, certificate = asked.problem, answer.certificate
    least = problem.goal.kind == "least_spend"
    currency, revenue = problem.constraints.currency, asked.outcome == "revenue"
    reached = in_full(problem.goal.target, currency if revenue else "")
    money = currency if least or revenue or _profit(asked.budget) else ""
    goal = {
        "outcome": f"maximised: {problem.objective.words}",
        "net": _net_words(asked),
        "return": f"maximised: {problem.objective.words}, with a return of {problem.goal.target:g} at least",
        "least_spend": f"minimised: spend, with {problem.objective.words} of {reached} at least",
    }[problem.goal.kind]
    better = "needs less spend" if least else "does better"
    small = problem.objective.kind == "probability"
    value, bound = (
        f"{told:.3f}" if small else in_full(told, money) for told in (certificate.value, certificate.bound)
    )
    gap = f"of {certificate.gap:.2%}" if certificate.gap >= 1e-4 else "below 0.01%"
    out = [
        goal,
        *([asked.counted] if asked.counted else []),
        f"certificate: no plan within the constraints {better} than {bound}; this one has {value}, a gap "
        f"{gap}. It rests on {certificate.rests_on}",
    ]
    if certificate.stopped_early:
        out.append(ended_early(certificate.stopped_early))
    return [*out, *(binding.words for binding in certificate.binding)]
