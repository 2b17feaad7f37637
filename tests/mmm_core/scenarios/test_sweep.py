"""Budget sweeps: the optimum at each budget, never falling, with the slope it really has."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from mmm_core.budget.decide import decide
from mmm_core.budget.solve import solve
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.report import evaluate_scenarios
from mmm_core.scenarios.sweep import scaled_budget
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.scenarios_spec import Scenarios
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def swept(one, budget=None, margin=None, totals=(0.6, 0.95, 1.0, 1.05, 1.4)):
    asked = Scenarios.model_validate({"sweep": {"totals": totals}, "recommended": False})
    return evaluate_scenarios(one, asked, budget, margin)


@pytest.fixture(scope="module")
def small():
    return Posterior.of(posterior(draws=40))


@pytest.fixture(scope="module")
def frontier(small):
    return swept(small, margin=0.9)


def test_at_todays_spend_it_is_the_recommended_plan(small, frontier):
    found = decide(small, small.spec.budget)
    row = frontier.sweep.set_index("multiple").loc[1.0]
    assert row["spend"] == pytest.approx(found.current_total)
    assert row["incremental"] == pytest.approx(found.recommended_outcome, rel=1e-4)


def test_more_budget_never_lowers_the_optimum_and_its_slope_is_the_marginal_return(frontier):
    table = frontier.sweep.set_index("multiple")
    assert (np.diff(table["incremental"]) > 0).all()
    between = table.loc[1.05, "incremental"] - table.loc[0.95, "incremental"]
    slope = between / (table.loc[1.05, "spend"] - table.loc[0.95, "spend"])
    assert table.loc[1.0, "marginal"] == pytest.approx(slope, rel=1e-2)
    assert (np.diff(table["marginal"]) < 0).all()
    assert (table["gap"] <= 1e-3).all()


@pytest.mark.parametrize(
    "stated",
    [
        {"bounds": {"default": [0.8, 1.2]}, "locked": ["tv"]},
        {"bounds": {"default": [0.8, 1.2]}, "locked": ["search"]},
        {"bounds": {"search": {"spend": [0, 100]}}},
        {"bounds": {"default": [0.2, 3.0]}, "groups": {"g": {"channels": ["tv"], "relative": [0.2, 0.9]}}},
        {"bounds": {"default": [0.2, 3.0]}, "groups": {"g": {"channels": ["tv"], "spend": [0, 250]}}},
    ],
)
def test_its_slope_is_the_marginal_return_where_money_stays_too(small, stated):
    budget = Budget.model_validate({"weeks": 6, **stated})
    table = swept(small, budget, totals=(0.999, 1.0, 1.001)).sweep.set_index("multiple")
    rise = table.loc[1.001, "incremental"] - table.loc[0.999, "incremental"]
    slope = rise / (table.loc[1.001, "spend"] - table.loc[0.999, "spend"])
    assert table.loc[1.0, "marginal"] == pytest.approx(slope, rel=5e-3)


def test_risk_and_profit_of_each_budget(frontier):
    table = frontier.sweep
    for point, row in zip(frontier.frontier.points, table.to_dict("records"), strict=True):
        draws = np.sort(point.evaluated.draws["incremental"].to_numpy())
        assert row["incremental_cvar"] == pytest.approx(draws[: len(draws) // 5].mean())
        assert row["profit"] == pytest.approx(0.9 * point.evaluated.draws["total"].mean() - row["spend"])
    assert list(table["is_best"]) == list(table["profit"] == table["profit"].max())
    assert any(line.startswith("the most profit of these budgets: 60%") for line in frontier.words)
    assert not any("is not known" in line for line in frontier.words)
    names = set(frontier.channels["scenario"])
    assert {"current", "budget x 0.6", "budget x 1.4"} <= names


def test_a_warm_start_changes_no_optimum(small, frontier):
    alone = swept(small, margin=0.9, totals=(1.0, 1.4)).sweep.set_index("multiple")
    warm = frontier.sweep.set_index("multiple")
    assert alone.loc[1.4, "incremental"] == pytest.approx(warm.loc[1.4, "incremental"], rel=1e-4)


def test_a_point_whose_solver_ended_early_says_so_beside_its_gap(small, frontier, monkeypatch):
    assert set(frontier.sweep["stopped_early"]) == {""}
    assert not any("stopped early" in line for line in frontier.words)

    def in_a_hurry(problem):
        found = solve(problem)
        early = replace(found.certificate, gap=0.02, stopped_early="the search ended with its time")
        return replace(found, certificate=early)

    monkeypatch.setattr("mmm_core.scenarios.sweep.solve", in_a_hurry)
    found = swept(small, totals=(1.0, 1.05))
    assert list(found.sweep["stopped_early"]) == ["the search ended with its time"] * 2
    assert (
        "budget x 1: stopped early: the search ended with its time; the certificate holds for the plan as it is, with "
        "a gap of 2.00%"
    ) in found.words


def test_money_that_a_budget_cannot_spend_is_left_out_with_the_nearest_figure(small):
    budget = Budget.model_validate({"weeks": 6, "bounds": {"tv": {"spend": [500, 800]}}})
    found = swept(small, budget)
    assert list(found.sweep["multiple"]) == [0.6, 0.95]
    assert "the upper bound of tv, 800" in found.frontier.left_out[1.4]
    assert any("left out: budget x 1.4: " in line and "the nearest is" in line for line in found.words)
    assert not found.sweep["is_best"].any()  # without a margin nobody knows
    assert any("is not known: state `margin` in the model's YAML" in line for line in found.words)


def test_bounds_are_of_the_scaled_mix_and_money_stays():
    budget = Budget.model_validate(
        {
            "by": "geo",
            "bounds": {"default": [0.5, 2], "tv": {"spend": [1, 2]}},
            "change_limit": 0.2,
            "groups": {
                "g": {"channels": ["tv"], "relative": [0.5, 1.5]},
                "h": {"channels": ["tv"], "spend": [1, 2]},
            },
            "geos": {"n": {"relative": [0.9, 1.1]}},
            "goal": {"roi": 2},
        }
    )
    found = scaled_budget(budget, 2.0, 100.0)
    assert (found.total, found.goal, found.change_limit) == (200.0, None, None)
    assert found.bounds_of("any").relative == pytest.approx((1.6, 2.4))
    assert found.bounds_of("tv").spend == (1, 2)
    assert found.groups["g"].relative == (1.0, 3.0)
    assert found.groups["h"].spend == (1, 2)
    assert found.geos["n"].relative == pytest.approx((1.8, 2.2))


def test_geos_and_risk_are_swept_too():
    spec = panel_spec(
        budget={
            "weeks": 6,
            "by": "geo",
            "bounds": {"default": [0.5, 1.5]},
            "objective": {"cvar": {"level": 0.8}},
        }
    )
    table = weekly_table(64, geos=("n", "s"))
    one = Posterior.of(posterior(spec=parse_spec(spec), table=table, draws=20))
    found = swept(one, totals=(0.8, 1.2))
    assert (np.diff(found.sweep["incremental_cvar"]) > 0).all()
    with jax.enable_x64(True):
        claim = decide(one, scaled_budget(one.spec.budget, 1.2, found.of("current").spend))
    assert found.sweep["incremental_cvar"].iloc[-1] == pytest.approx(claim.certificate.value, rel=2e-3)


def test_what_comes_by_way_of_the_brand_decides_the_plans_of_a_sweep_too(small):
    asked = Scenarios.model_validate({"sweep": {"totals": [1.0, 1.1]}, "recommended": False})
    budget = Budget(weeks=6, horizon="long", bounds={"default": (0.5, 1.5)})
    long = long_term_of(small, {"search": 5.0})
    report = evaluate_scenarios(small, asked, budget, long_term=long)
    claim = decide(small, budget, long_term=long)
    row = report.sweep.iloc[0]
    assert row["incremental"] == pytest.approx(claim.recommended_outcome, rel=1e-4)
    assert row["long_term"] > report.table["long_term"].iloc[0] > 0
    assert set(report.sweep["horizon"]) == {"long"}
    assert any("by way of the brand within 10 weeks (search 5.00)" in line for line in report.words)


def test_budgets_beyond_what_was_seen_are_named(small):
    found = swept(small, totals=(1.0, 4.0))
    (line,) = (line for line in found.words if "beyond weeks that the model has seen" in line)
    assert line.startswith("from 400% of the last period's spend on, plans go beyond")


def test_a_spec_may_ask_for_it():
    assert parse_spec({**SPEC, "scenarios": {"sweep": {}}}).scenarios.sweep.totals[0] == 0.5
