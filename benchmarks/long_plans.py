"""Is a plan better for counting the long term, and for counting only what of it is told from none?

Sample worlds of several seeds; in each the national model is fitted with the lift tests that the world calls approved,
or without any, then its long term. Four plans of the same total within the model's bounds: by the short term alone; by
the long term of the channels whose effect is told from none, as `budget: {horizon: long}` does; by the long term of all
of them; and the best there is by the truth. What a plan brings is asked of the simulator: all spend of a year changes
as the plan says, and its revenue is counted in the year after as well, short and long term. Where the platform refuses
to plan by a long term, both plans that count it are the one of the short term.

make bench B=long_plans [ARGS="--seeds 12 --no-tests"]
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import minimize

from benchmarks.common.machine import finish, machine, rounded
from mmm_core.budget.allocation import allocate
from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.evidence.approvals import APPROVED, Approval
from mmm_core.evidence.reader import lift_tests_in
from mmm_core.evidence.scorecard import scorecard
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.fit import fit
from mmm_core.long_term import identification
from mmm_core.long_term.stage import LongTerm, fit_long_term
from mmm_core.long_term.waves import waves
from mmm_core.posterior.handle import Posterior
from mmm_core.simulate import simulate_world, survey_table
from mmm_core.simulate.experiments import lift_tests
from mmm_core.simulate.market import Market
from mmm_core.simulate.truth import MarketTruth
from mmm_core.spec.model_spec import ModelSpec, parse_spec

ROOT = Path(__file__).parents[1]
MODEL, MARKET = "us_revenue", "us"
END = dt.date(2026, 11, 23)
YEAR = 52
PLANS = ("short", "told", "all")
EQUAL = 1e-6
"""Difference below which plans are equally good."""


def model() -> ModelSpec:
    """The sample world's national model; whose tests are approved is said by the world."""
    mapping = yaml.safe_load((ROOT / "models" / f"{MODEL}.yaml").read_text())
    del mapping["calibration"]["approvals"]
    return parse_spec(mapping)


def evidence(spec: ModelSpec, market: Market) -> Evidence:
    """The market's lift tests, of which the approved ones calibrate the model."""
    rows = lift_tests(market)
    reading = lift_tests_in(rows.drop(columns="true_incremental_outcome").astype(str), "lift tests")
    days = pd.to_datetime(rows.set_index("test_id")["reported_date"])
    approvals = {
        test: Approval(test, APPROVED, "the world", days[test].date())
        for test in rows.loc[rows["status"] == APPROVED, "test_id"]
    }
    table = market.table.assign(market=market.name)
    return scorecard(reading.tests, model_data(table, spec), spec, spec.calibration, approvals).evidence


def brought(truth: MarketTruth, change: np.ndarray) -> float:
    """Revenue in USD that the market gains where spend of the year before the last is multiplied by `change`.

    Args:
        change: (channel,).
    """
    spend = truth.weekly["spend"].copy(deep=True)
    year = slice(spend.sizes["week"] - 2 * YEAR, spend.sizes["week"] - YEAR)
    spend[{"week": year}] *= change
    lost = truth.counterfactual(spend)
    return -float((lost["short"] + lost["long"]).sum())


def spent(truth: MarketTruth) -> np.ndarray:
    """Spend of that year by channel, USD, (channel,)."""
    weeks = truth.weekly["spend"].sizes["week"]
    year = truth.weekly["spend"].isel(week=slice(weeks - 2 * YEAR, weeks - YEAR))
    return year.sum(("geo", "week")).to_numpy()


def best(truth: MarketTruth, low: float, high: float) -> float:
    """What the best plan of the same total brings, by the truth."""
    money = spent(truth)
    found = minimize(
        lambda change: -brought(truth, change) / money.sum(),
        np.ones(len(money)),
        bounds=[(low, high)] * len(money),
        constraints={"type": "eq", "fun": lambda change: (change - 1) @ money / money.sum()},
        method="SLSQP",
        options={"ftol": 1e-8},
    )
    return brought(truth, found.x)


def plan(posterior: Posterior, horizon: str, long_term: LongTerm | None, truth: MarketTruth) -> np.ndarray:
    """By how much a plan multiplies the spend of each channel, of the total that the truth's year had."""
    budget = posterior.spec.budget.model_copy(update={"horizon": horizon})
    table = allocate(posterior, budget, long_term=long_term).channels.set_index("channel")
    change = (table["recommended_spend"] / table["current_spend"]).reindex(
        [one.channel for one in truth.channels]
    )
    money = spent(truth)
    return (change.to_numpy() * money.sum() / (change.to_numpy() @ money)).astype(float)


def of_world(seed: int, with_tests: bool) -> dict[str, Any]:
    """What the plans of one world bring, as shares of what the best one does; and which effects were told."""
    market = next(each for each in simulate_world(seed=seed, end=END).markets if each.name == MARKET)
    truth = market.truth
    spec = model()
    calibrating = evidence(spec, market) if with_tests else None
    posterior = Posterior.of(fit(market.table.assign(market=MARKET), spec, lift_tests=calibrating))
    long = fit_long_term(posterior, waves(survey_table(market)), checked=False)
    told = identification.told_from_none(long.roi())
    everyone = dict.fromkeys(told, True)
    row: dict[str, Any] = {"counted": [name for name, is_told in told.items() if is_told], "refused": ""}
    changes = {"short": plan(posterior, "short", None, truth)}
    try:
        changes["told"] = plan(posterior, "long", long, truth)
        with mock.patch.object(identification, "told_from_none", return_value=everyone):
            changes["all"] = plan(posterior, "long", long, truth)
    except InputError as refusal:
        row["refused"] = str(refusal)
    limits = posterior.spec.budget.bounds["default"]
    most = best(truth, *limits)
    for name in PLANS:
        row[name] = brought(truth, changes.get(name, changes["short"])) / most
    return row


def compared(one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """How much more the one plan gains than the other, world by world."""
    more = one - other
    return {
        "mean": float(more.mean()),
        "standard_error": float(more.std(ddof=1) / len(more) ** 0.5) if len(more) > 1 else None,
        "better": int((more > EQUAL).sum()),
        "worse": int((more < -EQUAL).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument(
        "--tests", action=argparse.BooleanOptionalAction, default=True, help="calibrate the fits"
    )
    asked = parser.parse_args()
    started_with, rows = machine(), []
    print("share of what the best plan gains over today's mix, by the truth")
    print("seed  short   told    all  told from none")
    for seed in range(asked.first, asked.first + asked.seeds):
        rows.append(row := of_world(seed, asked.tests))
        words = row["refused"][:80] or ", ".join(row["counted"]) or "of no channel"
        print(f"{seed:4d} {row['short']:6.2f} {row['told']:6.2f} {row['all']:6.2f}  {words}", flush=True)
    gains = {name: np.array([row[name] for row in rows]) for name in PLANS}
    figures = {
        name: {"mean": float(values.mean()), "worst": float(values.min())} for name, values in gains.items()
    }
    pairs = {
        f"{one}_less_{other}": compared(gains[one], gains[other])
        for one, other in (("told", "short"), ("told", "all"), ("all", "short"))
    }
    refused = sum(bool(row["refused"]) for row in rows)
    finish(
        "long_plans", started_with, worlds=len(rows), refused=refused, **rounded({"gained": figures, **pairs})
    )


if __name__ == "__main__":
    main()
