"""Which experiment is worth running next: every candidate with its error, power, cost, and what its result is worth.

    EVSI = gain of the budget decision, taken with the result and without it, over the weeks that it is for
    cost = price of spend x (spend with the experiment - spend as planned) - (outcome with it - outcome as planned)
    net value = EVSI - cost, a cost below 0 counted as none

all in units of the outcome. The decision is that of `mmm allocate`, and outcome is what its budget counts: with
`horizon: long` what comes by way of the brand as well, of the plans and of the experiment's own spend. The experiment
itself measures the short term; what it says of the rest it says through the draws, where the two go together. A unit
of spend is priced at what one more unit of that decision's total would bring, which is what is lost where the
experiment takes it from the budget; or at 1 / margin where `experiments: {margin: ...}` says what the outcome is worth
in money. A cost below 0 means that spending so is better than the plan, whatever the experiment finds: that is the
budget's gain, and no merit of the experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, nearest
from mmm_core.evidence.check import MediaWeeks
from mmm_core.evidence.score import score
from mmm_core.experiments.ahead import WeeksAhead, lifts, planned_outcome
from mmm_core.experiments.area import Area, areas
from mmm_core.experiments.candidate import Candidate, design_rows, first_day_of, last_day_of
from mmm_core.experiments.decision import Decision, by_brand, decision, distinct
from mmm_core.experiments.noise import known_outcome, standard_error
from mmm_core.experiments.power import detectable, power
from mmm_core.experiments.value import Worth, evpi, evsi
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled, outcome_name
from mmm_core.posterior.predictor import Predictor
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.experiments_spec import Experiments
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class Trial:
    """One candidate with what its result would look like.

    Attributes:
        result: (draw,) what it would measure without error.
        carried: (draw,) all that it would bring as the budget counts it: with the weeks into which it carries over,
            and by way of the brand where the horizon is long.
        error: its standard error. calibrating: the same, widened by the model's rule of evidence.
        outcome: expected of the tested area and measured weeks without it.
    """

    candidate: Candidate
    result: np.ndarray
    carried: np.ndarray
    error: float
    calibrating: float
    outcome: float


@dataclass(frozen=True)
class ExperimentPlan:
    """Candidates, the one with the highest net value first.

    Attributes:
        table: a row a candidate; `COLUMNS` says what they are.
        trials: the candidates behind the rows, in their order.
        channels: paid channels of the model, in its order.
        passed_over: what could not be planned, and why, in words.
        perfect: worth of knowing every channel's response for certain, over the horizon, in units of the outcome.
        horizon_weeks, budget_weeks: weeks that the decision is for, and those of one budget.
        price: outcome that a unit of spend is counted as.
        size, power: what power is stated for.
        outcome: revenue, or the KPI. approximate: "" or why the posterior is.
        horizon: short, or long where worth and cost count what comes by way of the brand as well; in words `counted`.
    """

    model: str
    table: pd.DataFrame
    trials: tuple[Trial, ...]
    channels: tuple[str, ...]
    passed_over: tuple[str, ...]
    perfect: Worth
    horizon_weeks: int
    budget_weeks: int
    price: float
    size: float
    power: float
    outcome: str
    approximate: str = ""
    horizon: str = "short"
    counted: str = ""

    @property
    def worth_running(self) -> int:
        """Candidates whose net value is above 0 by more than twice its error."""
        return int((self.table["net_value"] > 2 * self.table["evsi_se"]).sum())

    @property
    def best(self) -> pd.DataFrame:
        """The best candidate of each channel, in their order."""
        return self.table.drop_duplicates("channel")

    @property
    def words(self) -> str:
        """What to do, in a line."""
        if not self.worth_running:
            return "none is worth more than it costs: the decision is as good without a result"
        first = self.trials[0].candidate
        where = f"{first.channel} {first.words}, {first.area.words}, {plural(first.weeks, 'week')} from {first.start}"
        many = f"{self.worth_running} of {len(self.table)} designs are worth more than they cost"
        return f"most worth running: {where}; {many}"

    def designs(self, spec: ModelSpec) -> pd.DataFrame:
        """The file of lift tests to fill in: the best design of each channel that is worth more than it costs.

        At least the best of all is there.
        """
        rows = [row for row in self.best.index if row == 0 or self.table["net_value"][row] > 0]
        currency = spec.calibration.rule.currency
        return design_rows([self.trials[row].candidate for row in rows], spec, currency)


def plan_experiments(
    tree: xr.DataTree | Posterior,
    experiments: Experiments | None = None,
    budget: Budget | None = None,
    progress: Callable[[int, int], None] | None = None,
    long_term: LongTerm | None = None,
) -> ExperimentPlan:
    """Rank experiments by what they are worth.

    Args:
        tree: a posterior.
        experiments: candidates and prices; default the model's own.
        budget: the decision that they inform; default the model's own.
        progress: told (candidates done, candidates).
        long_term: of this posterior, for a budget with `horizon: long`; not looked at by others.

    Raises:
        InputError: a channel that is none of the model's, no candidate that could be run, or what
            `mmm_core.budget.decide.decide` refuses.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    asked = experiments or spec.experiments
    for name in asked.channels:
        if name not in spec.paid:
            raise InputError(f"experiments: '{name}' is no paid channel: {nearest(name, spec.paid)}")
    question, choice = decision(posterior, budget, long_term)
    predictor = posterior.predictor(question.response.positions)
    most = max(asked.weeks) + max(asked.post_weeks, posterior.media.layout.lags - 1)
    ahead = WeeksAhead.of(posterior, question.response, most)
    candidates, passed_over = _candidates(posterior, ahead, asked)
    trials, short = _trials(
        posterior, predictor, ahead, candidates, asked, question.budget.discount, by_brand(question)
    )
    passed_over += short
    if extra := (budget or spec.budget).beyond_curves:
        passed_over.append(
            "the decision that experiments inform is the expected outcome of a fixed total by channel: "
            f"budget.{', budget.'.join(extra)} left out"
        )
    if not trials:
        raise InputError(f"model {spec.model}: no experiment can be planned: {'; '.join(passed_over)}")
    periods = asked.horizon_weeks / question.budget.weeks
    worths, perfect = _worths(choice, trials, posterior.chains, progress)
    price = 1 / asked.margin if asked.margin else choice.price
    rows = [_row(trial, *worth, periods, price, asked) for trial, worth in zip(trials, worths, strict=True)]
    table = pd.DataFrame(rows)
    order = table.sort_values(["net_value", "evsi", "power"], ascending=False, kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return ExperimentPlan(
        model=spec.model,
        table=labelled(table, posterior),
        trials=tuple(trials[row] for row in order),
        channels=spec.paid,
        passed_over=tuple(passed_over),
        perfect=Worth(perfect.evsi * periods, perfect.standard_error * periods),
        horizon_weeks=asked.horizon_weeks,
        budget_weeks=question.budget.weeks,
        price=price,
        size=asked.size,
        power=asked.power,
        outcome=outcome_name(spec),
        approximate=approximation(posterior),
        horizon=question.horizon,
        counted=question.counted,
    )


def _candidates(
    posterior: Posterior, ahead: WeeksAhead, asked: Experiments
) -> tuple[list[Candidate], list[str]]:
    """Everything that could be run, and why something cannot."""
    spec = posterior.spec
    names = tuple(str(geo) for geo in posterior.data["geo"].to_numpy())
    found: list[Candidate] = []
    passed_over: list[str] = []
    places = areas(known_outcome(posterior), names, asked.shares)
    start = first_day_of(ahead.dates[0], spec)
    for position, channel in enumerate(spec.paid):
        if asked.channels and channel not in asked.channels:
            continue
        before = len(found)
        for area, weeks, change in product(places, asked.weeks, asked.changes):
            geos = list(area.positions)
            weekly = area.part * ahead.spend[geos, :weeks, position].sum(axis=0)
            moved = change * area.part * float(ahead.repeated_spend[geos, :weeks, position].sum())
            planned = float(weekly.sum())
            if moved == 0 or (change < 0 and planned == 0):
                continue
            found.append(
                Candidate(
                    channel,
                    position,
                    area,
                    weeks,
                    change,
                    start,
                    last_day_of(start, weeks),
                    asked.post_weeks,
                    tuple(weekly.tolist()),
                    planned + moved if change > -1 else 0.0,
                )
            )
        if len(found) == before:
            passed_over.append(f"{channel}: no spend in the weeks that come again: nothing to change")
    return found, passed_over


def _trials(
    posterior: Posterior,
    predictor: Predictor,
    ahead: WeeksAhead,
    candidates: list[Candidate],
    asked: Experiments,
    discount: float,
    brand: np.ndarray | None,
) -> tuple[list[Trial], list[str]]:
    """The candidates with their results and errors, and those whose error cannot be told.

    Args:
        discount: of the budget. brand: (draw, paid channel), what a unit of spend brings by way of the brand.
    """
    keys = dict.fromkeys((candidate.weeks, candidate.change) for candidate in candidates)
    found = lifts(predictor, ahead, asked.post_weeks, keys, discount)
    media = MediaWeeks.of(posterior.data, posterior.spec)
    errors: dict[tuple[Area, int], float] = {}
    short: dict[str, None] = {}
    expected = planned_outcome(predictor, ahead, max(asked.weeks) + asked.post_weeks).mean(axis=0)
    out = []
    for candidate in candidates:
        area, measured = candidate.area, candidate.weeks + asked.post_weeks
        if (area, measured) not in errors:
            errors[area, measured] = standard_error(posterior, predictor, ahead, area, measured)
        error = errors[area, measured]
        if not error > 0:
            short[
                f"{area.words}, {plural(measured, 'week')}: the history is too short, or too smooth, for placebos"
            ] = None
            continue
        lift, geos = found[candidate.weeks, candidate.change], list(area.positions)
        carried = _of_area(lift.all, candidate)
        if brand is not None:
            carried = carried + brand[:, candidate.position] * candidate.incremental_spend
        out.append(
            Trial(
                candidate,
                _of_area(lift.counted, candidate),
                carried,
                error,
                error * _inflation(media, posterior.spec, candidate, error),
                float(area.part * expected[geos, :measured].sum()),
            )
        )
    return out, list(short)


def _of_area(values: np.ndarray, candidate: Candidate) -> np.ndarray:
    """Sum over the tested geos, (draw,), of (draw, geo, channel)."""
    area = candidate.area
    return np.asarray(area.part * values[:, list(area.positions), candidate.position].sum(axis=1))


def _inflation(weeks: MediaWeeks, spec: ModelSpec, candidate: Candidate, error: float) -> float:
    """What the model's rule of evidence would widen its error by, were it reported as soon as it is over."""
    scored = score(candidate.measured(0.0, error), (), weeks, spec.calibration.rule, candidate.start)
    return scored.inflation


def _worths(
    choice: Decision, trials: list[Trial], chains: int, progress: Callable[[int, int], None] | None
) -> tuple[list[tuple[Worth, Worth]], Worth]:
    """What each result is worth with its error and without, a budget; and what perfect knowledge is.

    All experiments with a channel choose from the same plans: the best at results that
    any of them may have, and at levels of the channel's spend.
    """
    payoffs = {}
    for channel in dict.fromkeys(trial.candidate.channel for trial in trials):
        own = [trial for trial in trials if trial.candidate.channel == channel]
        plans = [choice.today[None], choice.plans_around(own[0].candidate.position)]
        plans += [
            choice.plans_for(trial.result, error) for trial in own for error in (trial.calibrating, 0.0)
        ]
        payoffs[channel] = choice.payoff(distinct(np.concatenate(plans), choice.total))
    worths = []
    for number, trial in enumerate(trials):
        payoff = payoffs[trial.candidate.channel]
        worths.append(
            (evsi(trial.result, trial.calibrating, payoff, chains), evsi(trial.result, 0.0, payoff, chains))
        )
        if progress:
            progress(number + 1, len(trials))
    return worths, evpi(choice.perfect(), choice.payoff(choice.today[None])[:, 0], chains)


def _row(
    trial: Trial,
    worth: Worth,
    exact: Worth,
    periods: float,
    price: float,
    asked: Experiments,
) -> dict[str, object]:
    """A row of the table."""
    candidate, area = trial.candidate, trial.candidate.area
    spend, effect = candidate.incremental_spend, float(trial.result.mean())
    smallest = detectable(trial.error, asked.size, asked.power)
    brought = float(trial.carried.mean())
    cost = price * spend - brought
    gain, gain_se = worth.evsi * periods, worth.standard_error * periods
    return {
        "experiment": candidate.name,
        "channel": candidate.channel,
        "area": area.words,
        "geos": ";".join(area.geos) or "all",
        "share": area.share,
        "weeks": candidate.weeks,
        "change": candidate.change,
        "start_date": candidate.start,
        "end_date": candidate.end,
        "post_weeks": candidate.post_weeks,
        "design": candidate.design,
        "spend_without": candidate.spend_without,
        "spend_with": candidate.spend_with,
        "incremental_spend": spend,
        "incremental_outcome": effect,
        "incremental_outcome_sd": float(trial.result.std()),
        "roi": effect / spend,
        "standard_error": trial.error,
        "calibrating_error": trial.calibrating,
        "detectable_outcome": smallest,
        "detectable_share": smallest / trial.outcome if trial.outcome else float("nan"),
        "detectable_roi": smallest / abs(spend),
        "power": float(power(effect, trial.error, asked.size)),
        "assurance": float(power(trial.result, trial.error, asked.size).mean()),
        "cost": cost,
        "carried_outcome": brought,
        "evsi": gain,
        "evsi_se": gain_se,
        "evsi_without_error": exact.evsi * periods,
        "net_value": gain - max(cost, 0.0),
    }
