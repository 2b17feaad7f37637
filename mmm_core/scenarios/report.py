"""Scenarios side by side: tables, probabilities and plain English."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.change import ended_early, figure, percent
from mmm_core.data.weeks import with_first_day
from mmm_core.effects.roi import summarise
from mmm_core.errors import InputError, nearest
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled, outcome_name
from mmm_core.scenarios.evaluate import Evaluated, Evaluator
from mmm_core.scenarios.followed import Followed, spent_against_recommended
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommendation import Recommendation
from mmm_core.scenarios.recommended import recommended_plan
from mmm_core.scenarios.since import since
from mmm_core.scenarios.sweep import Frontier, sweep_budgets
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.margin import no_margin, refuse_more_than_revenue
from mmm_core.spec.scenarios_spec import CURRENT, RECOMMENDED, Scenarios

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

COLUMNS = {
    "scenario": "name of the plan",
    "description": "what it is",
    "is_reference": "whether the others are held against it",
    "spend": "of all paid channels over the horizon",
    "spend_change": "against the reference",
    "kpi": "expected over the horizon",
    "kpi_q05": "5 % quantile, noise of the weeks included",
    "kpi_q95": "95 % quantile",
    "outcome": "revenue expected over the horizon; of a KPI without revenue, the KPI",
    "outcome_q05": "5 % quantile, noise of the weeks included",
    "outcome_q95": "95 % quantile",
    "incremental": "outcome that the paid media of the horizon bring, carry-over after it included",
    "incremental_q05": "5 % quantile",
    "incremental_q95": "95 % quantile",
    "incremental_cvar": "mean of its worst fifth of draws",
    "carried_out": "part of incremental that media carry over after the horizon",
    "long_term": "part of incremental that comes by way of the brand; 0 where the budget's horizon is short",
    "horizon": "which effect of media counts: short, or long: by way of the brand as well",
    "roi": "incremental over spend",
    "profit": "margin of outcome and carry-over, less spend; nan without a margin",
    "profit_q05": "5 % quantile",
    "profit_q95": "95 % quantile",
    "gain": "over the reference: of profit where there is a margin, else of outcome, carry-over included",
    "gain_median": "its median over draws",
    "gain_q05": "5 % quantile",
    "gain_q95": "95 % quantile",
    "probability_better": "that the plan gains over the reference; nan where the two are the same",
}
"""Columns of the table of scenarios."""

SINCE = "what was spent since"
"""How an earlier recommendation is called where it is left out."""
WORST = 0.2
"""Share of the draws that a CVaR is the mean of."""

SAME = 1e-9
"""Relative difference of two outcomes that are worked out of the same plan."""


@dataclass(frozen=True)
class ScenarioReport:
    """What plans of the coming weeks bring.

    Attributes:
        evaluated: the plans, `current` first. left_out: name and reason of those that could not be evaluated.
        against: name of the plan that the others are held against.
        outcome: what outcomes are counted in: revenue, or the KPI. margin: money that a unit of it leaves, or None.
        horizon: which effect of media counts: short, or long where it comes by way of the brand as well.
        counted: what that is, a sentence; "" of the short term.
        frontier: best plans of several budgets, where they were asked for.
        followed: earlier recommendations against what was spent since.
    """

    posterior: Posterior
    evaluated: tuple[Evaluated, ...]
    left_out: Mapping[str, str]
    against: str
    margin: float | None
    outcome: str
    horizon: str = "short"
    counted: str = ""
    seed: int = 0
    approximate: str = ""
    frontier: Frontier | None = None
    followed: tuple[Followed, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the plans."""
        return tuple(each.plan.name for each in self.evaluated)

    @property
    def weeks(self) -> int:
        """Of the horizon."""
        return self.evaluated[0].plan.horizon.weeks

    @property
    def first_week(self) -> pd.Timestamp:
        """Of the horizon, as the table dates it."""
        return pd.Timestamp(self.evaluated[0].plan.horizon.planned[0])

    @property
    def last_week(self) -> pd.Timestamp:
        """Of the horizon, as the table dates it."""
        return pd.Timestamp(self.evaluated[0].plan.horizon.planned[-1])

    @property
    def gain_in(self) -> str:
        """What plans are compared by."""
        return self.outcome if self.margin is None else "profit"

    def of(self, name: str) -> Evaluated:
        """The plan of a name."""
        return self.evaluated[self.names.index(name)]

    def worth(self, each: Evaluated) -> np.ndarray:
        """(draw,) what plans are compared by."""
        return each.draws["total"].to_numpy() if self.margin is None else each.profit(self.margin)

    def gain(self, name: str, against: str) -> np.ndarray:
        """(draw,) of one plan over another, on common draws."""
        return np.asarray(self.worth(self.of(name)) - self.worth(self.of(against)))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a scenario, with the columns of `COLUMNS`."""
        return labelled(pd.DataFrame([self._row(each) for each in self.evaluated]), self.posterior)

    @cached_property
    def sweep(self) -> pd.DataFrame | None:
        """A row a budget of the sweep: multiple, the columns of `COLUMNS`, marginal (what one more unit of the budget
        would bring), gap (of the plan's certificate), stopped_early (what ended before it proved the plan; "" where it
        does), is_best (the most expected profit; all false without a margin). None where nobody asked.
        """
        if self.frontier is None:
            return None
        best = self.frontier.best(self.margin)
        rows = [
            {
                "multiple": point.multiple,
                **self._row(point.evaluated),
                "marginal": point.marginal,
                "gap": point.gap,
                "stopped_early": point.stopped_early,
                "is_best": number == best,
            }
            for number, point in enumerate(self.frontier.points)
        ]
        columns = ["multiple", *COLUMNS, "marginal", "gap", "stopped_early", "is_best"]
        return labelled(pd.DataFrame(rows, columns=columns), self.posterior)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """A row a scenario, those of the sweep last, and paid channel: scenario, channel, spend, spend_change (against
        the reference), incremental, incremental_q05, incremental_q95, roi.
        """
        reference = self.of(self.against).plan.by_channel()
        rows = []
        swept = () if self.frontier is None else tuple(point.evaluated for point in self.frontier.points)
        for each in (*self.evaluated, *swept):
            spend = each.plan.by_channel()
            for i, channel in enumerate(self.posterior.spec.paid):
                draws = each.draws["by_channel"].to_numpy()[:, i]
                rows.append(
                    {
                        "scenario": each.plan.name,
                        "channel": channel,
                        "spend": float(spend[i]),
                        "spend_change": float(spend[i] - reference[i]),
                        **_interval("incremental", draws),
                        "roi": float(draws.mean() / spend[i]) if spend[i] > 0 else np.nan,
                    }
                )
        return labelled(pd.DataFrame(rows), self.posterior)

    @cached_property
    def weekly(self) -> pd.DataFrame:
        """A row a scenario and week: scenario, week, spend, kpi, kpi_q05, kpi_q95 (noise included), outcome,
        outcome_q05, outcome_q95, incremental.
        """
        parts = []
        for each in self.evaluated:
            draws = each.draws
            columns: dict[str, Any] = {
                "scenario": each.plan.name,
                "week": each.plan.horizon.planned,
                "spend": each.plan.spend.sum(axis=(0, 2)),
            }
            for name in ("kpi", "outcome"):
                low, high = np.quantile(draws[f"{name}_noise"].to_numpy(), [0.05, 0.95], axis=0)
                columns |= {
                    name: draws[name].to_numpy().mean(axis=0),
                    f"{name}_q05": low,
                    f"{name}_q95": high,
                }
            columns["incremental"] = draws["incremental_weekly"].to_numpy().mean(axis=0)
            parts.append(pd.DataFrame(columns))
        table = with_first_day(pd.concat(parts, ignore_index=True), self.posterior.spec)
        return labelled(table, self.posterior)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """A row a pair of scenarios, both ways: scenario, against, spend_change, gain, gain_median, gain_q05, gain_q95,
        probability_better.
        """
        rows = [
            {
                "scenario": name,
                "against": other,
                "spend_change": self._spend_change(self.of(name), self.of(other)),
                **self._compared(self.of(name), self.of(other)),
            }
            for name, other in permutations(self.names, 2)
        ]
        columns = [
            "scenario", "against", "spend_change", "gain", "gain_median", "gain_q05", "gain_q95", "probability_better",
        ]  # fmt: skip
        return labelled(pd.DataFrame(rows, columns=columns), self.posterior)

    def _row(self, each: Evaluated) -> dict[str, Any]:
        draws, reference = each.draws, self.of(self.against)
        noisy = {name: draws[f"{name}_noise"].sum("week").to_numpy() for name in ("kpi", "outcome")}
        row: dict[str, Any] = {
            "scenario": each.plan.name,
            "description": each.plan.description,
            "is_reference": each.plan.name == self.against,
            "spend": each.spend,
            "spend_change": self._spend_change(each, reference),
        }
        for name, values in noisy.items():
            interval = _interval(name, values)
            row |= {**interval, name: float(draws[name].sum("week").mean())}
        row |= _interval("incremental", draws["incremental"].to_numpy())
        row["incremental_cvar"] = _worst(draws["incremental"].to_numpy())
        row["carried_out"] = float(draws["carried_out"].mean())
        row |= {"long_term": float(draws["long_term"].mean()), "horizon": self.horizon}
        row["roi"] = row["incremental"] / each.spend if each.spend > 0 else np.nan
        nothing = np.full(draws.sizes["draw"], np.nan)
        row |= _interval("profit", nothing if self.margin is None else each.profit(self.margin))
        return row | self._compared(each, reference)

    @staticmethod
    def _spend_change(each: Evaluated, other: Evaluated) -> float:
        change = each.spend - other.spend
        return 0.0 if abs(change) <= SAME * other.spend else change

    def _compared(self, each: Evaluated, other: Evaluated) -> dict[str, float]:
        gain = self.worth(each) - self.worth(other)
        size = float(np.abs(self.worth(other)).max())
        same = float(np.abs(gain).max()) <= SAME * size
        better = np.nan if same else float((gain > 0).mean())
        found = summarise(np.zeros_like(gain) if same else gain)
        return {
            "gain": found["mean"],
            **{f"gain_{name}": found[name] for name in ("median", "q05", "q95")},
            "probability_better": better,
        }

    @property
    def words(self) -> tuple[str, ...]:
        """Plain English: the horizon, a sentence a scenario, what was left out and assumed."""
        weeks = f"{plural(self.weeks, 'week')}"
        out = [
            f"{weeks}, {self.first_week.date()} to {self.last_week.date()}; plans are held against '{self.against}' by "
            f"{self.gain_in}, on the same draws of everything",
            self.counted or "counted: short-term effects of media, what they carry over included",
        ]
        for row in self.table.to_dict("records"):
            if row["scenario"] != self.against:
                out.append(self._sentence({str(name): value for name, value in row.items()}))
        out += self._of_the_sweep()
        out += [line for followed in self.followed for line in followed.words]
        out += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        notes = {f"{each.plan.name}: {note}" for each in self.evaluated for note in each.plan.notes}
        notes |= {
            f"{each.plan.name}: {channel}: its highest week is {times:.2g} times the highest that the model has seen: "
            "what it brings there is an extrapolation"
            for each in self.evaluated
            for channel, times in each.plan.beyond.items()
        }
        return (*out, *sorted(notes))

    def _of_the_sweep(self) -> list[str]:
        if self.frontier is None or self.sweep is None or self.sweep.empty:
            return []
        table, best = self.sweep, self.frontier.best(self.margin)
        first, last = table.iloc[0], table.iloc[-1]
        out = [
            f"budget sweep, plans the best by {self.frontier.objective}: the next unit of spend brings "
            f"{first['marginal']:.3g} at {first['multiple']:.0%} of the last period's spend, {last['marginal']:.3g} at "
            f"{last['multiple']:.0%}"
        ]
        if best is not None:
            row = table.iloc[best]
            end = " (the end of the sweep: look farther)" if best in (0, len(table) - 1) else ""
            out.append(
                f"the most profit of these budgets: {row['multiple']:.0%} of the last period's spend, "
                f"{figure(row['spend'])}{end}"
            )
        else:
            out.append(
                "which of these budgets brings the most profit is not known: state `margin` in the model's YAML, what "
                f"a unit of {self.outcome} leaves before media"
            )
        beyond = [point for point in self.frontier.points if point.evaluated.plan.beyond]
        if beyond:
            channels = ", ".join(
                dict.fromkeys(name for point in beyond for name in point.evaluated.plan.beyond)
            )
            out.append(
                f"from {beyond[0].multiple:.0%} of the last period's spend on, plans go beyond weeks that the model "
                f"has seen ({channels}): an extrapolation"
            )
        out += [
            f"{point.evaluated.plan.name}: {ended_early(point.stopped_early)}, with a gap of {point.gap:.2%}"
            for point in self.frontier.points
            if point.stopped_early
        ]
        out += [f"left out: budget x {multiple:g}: {why}" for multiple, why in self.frontier.left_out.items()]
        return out

    def _sentence(self, row: Mapping[str, Any]) -> str:
        name, gain, spend = row["scenario"], row["gain"], row["spend_change"]
        if row["probability_better"] != row["probability_better"]:
            return f"{name}: the same as '{self.against}'"
        more = (
            "the same spend"
            if abs(spend) < 0.5
            else f"{figure(abs(spend))} {'more' if spend > 0 else 'less'} spend"
        )
        interval = f"90 % interval {figure(row['gain_q05'])} to {figure(row['gain_q95'])}"
        if 0.4 < row["probability_better"] < 0.6:
            return (
                f"{name}: nobody can tell whether it brings more {self.gain_in} at {more}: {interval}, more with a "
                f"probability of {percent(row['probability_better'])}"
            )
        direction = "more" if gain >= 0 else "less"
        likely = row["probability_better"] if gain >= 0 else 1 - row["probability_better"]
        sentence = (
            f"{name}: {figure(abs(gain))} {direction} {self.gain_in} at {more} ({interval}); {percent(likely)} "
            f"sure that it is {direction}"
        )
        of_spend = not (self.of(name).plan.changes_controls or self.of(self.against).plan.changes_controls)
        if self.margin is None and of_spend and gain * spend > 0 and abs(spend) >= 0.5:
            sentence += f"; {gain / spend:.2f} for each unit of spend {'more' if spend > 0 else 'less'}"
        return sentence


def evaluate_scenarios(
    tree: xr.DataTree | Posterior,
    asked: Scenarios | None = None,
    budget: Budget | None = None,
    margin: float | Literal["of the model"] | None = "of the model",
    *,
    folder: Path | None = None,
    published: Mapping[str, float] | None = None,
    seed: int = 0,
    earlier: Sequence[Recommendation] = (),
    tolerant: bool = False,
    progress: Callable[[int, int], None] | None = None,
    long_term: LongTerm | None = None,
) -> ScenarioReport:
    """Evaluate plans of the coming weeks and hold them against each other.

    Args:
        tree: a posterior.
        asked: the plans; default the model's own `scenarios:`.
        budget: whose plan is `recommended`; default the model's own.
        margin: money that one unit of the outcome leaves, or None for a comparison of outcome; default the model's own.
        folder: where files that plans name lie.
        published: spend by channel of a recommendation that was made already.
        seed: of the level's steps and the noise, as `mmm forecast` has it.
        earlier: recommendations to hold what was spent since against.
        tolerant: leave out plans that are refused, with the reason, instead of raising.
        progress: told (budgets of a sweep done, budgets).
        long_term: of this posterior, for a budget with `horizon: long`, whose effects then count in every plan.

    Raises:
        InputError: as `mmm_core.scenarios.plan.Planner`; a margin that is not above 0; `horizon: long` without a long
            term to count.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    asked, budget = asked or spec.scenarios, budget or spec.budget
    margin = spec.margin if margin == "of the model" else margin
    assert not isinstance(margin, str)
    if margin is not None and not margin > 0:
        raise InputError(f"margin: {no_margin(margin)}")
    try:
        refuse_more_than_revenue(margin, spec.kpi.kind)
    except ValueError as error:
        raise InputError(str(error)) from None
    for made in () if tolerant else earlier:
        since(posterior, made, budget)  # refused before anything is worked out
    weeks = asked.weeks or budget.weeks
    planner = Planner(posterior, weeks, folder, budget)
    evaluator = Evaluator(posterior, weeks, seed, budget, long_term)
    makers: dict[str, Any] = {CURRENT: planner.current}
    if asked.recommended:
        makers[RECOMMENDED] = lambda: recommended_plan(planner, budget, published, long_term)
    for name, scenario in asked.plans.items():
        makers[name] = lambda name=name, scenario=scenario: planner.written(name, scenario)
    found, left_out = [], {}
    for name, make in makers.items():
        try:
            found.append(evaluator.evaluate(make()))
        except InputError as error:
            # a recommendation that cannot be had is no fault of the other plans
            if not tolerant and name != RECOMMENDED:
                raise
            left_out[name] = str(error)
    followed = []
    for made in earlier:
        try:
            followed.append(
                spent_against_recommended(posterior, made, margin=margin, budget=budget, long_term=long_term)
            )
        except InputError as error:
            if not tolerant:
                raise
            left_out[f"{SINCE} {made.after}"] = str(error)
    against = asked.against
    if against not in [each.plan.name for each in found]:
        why = left_out.get(against) or nearest(against, [each.plan.name for each in found])
        if not tolerant:
            raise InputError(f"scenarios.against: no plan '{against}': {why}")
        against = CURRENT
    return ScenarioReport(
        posterior=posterior,
        evaluated=tuple(found),
        left_out=left_out,
        against=against,
        margin=margin,
        outcome=outcome_name(spec),
        horizon=budget.horizon,
        counted="" if evaluator.long is None else evaluator.long.words,
        seed=seed,
        approximate=approximation(posterior),
        followed=tuple(followed),
        frontier=None
        if asked.sweep is None
        else sweep_budgets(planner, evaluator, asked.sweep, budget, progress, long_term),
    )


def _interval(name: str, draws: np.ndarray) -> dict[str, float]:
    if np.isnan(draws).any():
        return {name: np.nan, f"{name}_q05": np.nan, f"{name}_q95": np.nan}
    found = summarise(draws)
    return {name: found["mean"], f"{name}_q05": found["q05"], f"{name}_q95": found["q95"]}


def _worst(draws: np.ndarray) -> float:
    """Mean of the worst fifth of some draws."""
    worst = np.sort(draws)[: max(1, round(WORST * len(draws)))]
    return float(worst.mean())
