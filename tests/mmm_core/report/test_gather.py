"""Findings of a posterior: the page shows the library's own tables, and the manifest their versions."""

import json
from dataclasses import replace
from datetime import date

import jsonschema
import numpy as np
import pandas as pd
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.inference.version import posterior_version, version_of
from mmm_core.posterior.handle import Posterior
from mmm_core.readiness.report import readiness
from mmm_core.report import gather
from mmm_core.report.findings import Recommendation as Plan
from mmm_core.report.gather import findings_of, scenarios_of, subject_of
from mmm_core.report.manifest import schema, table_version
from mmm_core.report.moves import probability_right, right_moves
from mmm_core.report.texts import texts
from mmm_core.scenarios.followed import spent_against_recommended
from mmm_core.scenarios.recommendation import Recommendation
from mmm_core.scenarios.report import evaluate_scenarios
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior

AS_OF = date(2025, 3, 24)


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=20)


@pytest.fixture(scope="module")
def found(tree):
    return findings_of(tree)


@pytest.fixture(scope="module")
def files(found):
    return texts(found)


@pytest.mark.slow
def test_tables_are_the_librarys_own(tree, found):
    assert found.roi.equals(roi_table(tree))
    plan = allocate(tree)
    assert found.recommendation.channels.equals(plan.channels)
    assert (found.recommendation.gain, found.recommendation.probability) == (
        plan.gain,
        plan.probability_better,
    )


@pytest.mark.slow
def test_every_channel_and_gate_is_on_the_page_of_a_model_that_may_be_used(found, files):
    html = texts(replace(found, review=found.review.assign(passed=True)))["report.html"]
    for channel in ("tv", "search", "newsletter"):
        assert f"<span>{channel}</span>" in html
        assert f"<span>{channel}</span>" in files["report.html"]
    assert found.gates is not None
    failed = found.gates[~found.gates["passed"]]
    assert len(failed)
    for message in failed["message"]:
        assert message.split("`")[0] in html
    assert found.refused  # by this posterior's own review: there is no budget to be ready
    assert failed["message"].iloc[0].split("`")[0] not in files["report.html"]


@pytest.mark.slow
def test_the_manifest_keeps_to_its_schema(found, files, tree):
    body = json.loads(files["report.json"])
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(body, schema(), format_checker=jsonschema.FormatChecker())
    assert body["posterior"]["version"] == version_of(tree)
    assert body["allocation"]["version"] == table_version(found.recommendation.channels)
    assert body["table"]["fingerprint"] == tree.attrs["table"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**body, "posterior": {}}, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**body, "made_at": "2026-11-16"}, schema())


@pytest.mark.slow
def test_a_posterior_gives_the_same_bytes_again(tree, files):
    assert texts(findings_of(tree.copy(deep=True))) == files


def test_a_stored_posterior_has_the_version_that_its_fit_was_asked_for(tree):
    spec = Posterior.of(tree).spec
    assert version_of(tree) == posterior_version(str(tree.attrs["table"]), spec)


def test_a_move_is_right_where_the_money_brings_more():
    """Two draws: the added 10 bring 2 and .5 a unit, the 10 that are taken brought 1 a unit in both."""
    more = np.array([[20.0, -10.0], [5.0, -10.0]])
    assert right_moves(more, np.array([10.0, -10.0]), np.array([50.0, 50.0]), 0.0) == {0: 0.5, 1: 0.5}


def test_money_from_the_purse_must_bring_what_pays_for_it():
    more = np.array([[20.0, 0.0], [5.0, 0.0]])
    assert right_moves(more, np.array([10.0, 0.0]), np.array([50.0, 50.0]), 1.0) == {0: 0.5}
    assert right_moves(more, np.array([10.0, 0.0]), np.array([50.0, 50.0]), 2.5) == {0: 0.0}


def test_money_that_goes_to_a_channel_without_history_has_a_chance_of_its_own():
    one, belief = Posterior.of(posterior(draws=200)), {"half_saturation": 1.0, "slope": 1.0}
    now = dict(zip(one.spec.paid, one.data["spend"].to_numpy()[0, -6:].sum(axis=0), strict=True))
    moved = pd.DataFrame(
        {
            "channel": [*now, "podcast"],
            "current_spend": [*now.values(), 0.0],
            "recommended_spend": [now["tv"] - 100.0, now["search"], 100.0],
        }
    )

    def right(roi):
        rule = {"podcast": {"spend": 100.0, "roi": roi, "bounds": {"spend": [0, 200]}, **belief}}
        return probability_right(one, moved, Budget.model_validate({"weeks": 6, "new_channels": rule}), None)

    poor, fair, rich = (right(roi) for roi in (0.001, 0.4, 1000.0))
    assert set(fair) == {"tv", "podcast"}
    assert (poor["podcast"], rich["podcast"]) == (0.0, 1.0)
    for found in (poor, fair, rich):  # what is right for the one is right for the other
        assert found["tv"] == found["podcast"]


def test_a_sweep_or_an_earlier_recommendation_is_told_where_no_plan_is_named():
    one = Posterior.of(posterior(draws=5))
    plan = Plan.of(allocate(one))
    assert scenarios_of(one, one.spec, None, plan) is None
    swept = parse_spec({**SPEC, "margin": 0.5, "scenarios": {"sweep": {"totals": [0.9, 1.1]}}})
    assert set(scenarios_of(one, swept, None, plan)["kind"]) == {"plan", "sweep", "pair"}
    week = one.data["week"].to_numpy()[-2]
    made = Recommendation(dict.fromkeys(one.spec.paid, 100.0), {}, week, 3)
    since = scenarios_of(one, one.spec, None, plan, earlier=[made])
    assert set(since["kind"]) == {"plan", "followed", "pair"}
    with pytest.raises(InputError, match="no paid channel is called radio"):
        scenarios_of(one, one.spec, None, plan, earlier=[replace(made, spend={**made.spend, "radio": 1.0})])


def test_an_earlier_plan_that_nothing_can_be_held_against_is_refused_before_anything_is_worked_out(
    tree, monkeypatch
):
    monkeypatch.setattr(gather, "allocate", lambda *_, **__: pytest.fail("the budget was worked out first"))
    one = Posterior.of(tree)
    made = Recommendation(dict.fromkeys(one.spec.paid, 100.0), {}, one.data["week"].to_numpy()[-1], 3)
    with pytest.raises(InputError, match="no week has gone by since: the data end with 2025-03-17"):
        findings_of(tree, earlier=[made])


@pytest.mark.parametrize(
    "keys",
    [
        {"budget": {**SPEC["budget"], "goal": {"profit": {"margin": 0.3}}}},
        {"readiness": {"margin": 0.3}},
        {"experiments": {"margin": 0.3}},
        {"margin": 0.3},
    ],
)
def test_page_gates_and_scenarios_count_by_one_margin_wherever_it_is_stated(keys):
    one = Posterior.of(posterior({**SPEC, **keys}, draws=5))
    plan = dict(zip(one.spec.paid, (30.0, 20.0), strict=True))
    gates = readiness(one, plan, [], AS_OF).table().set_index("gate")["message"]
    assert "profit (margin 0.3)" in gates["profit"]
    assert subject_of(one).margin == 0.3
    assert evaluate_scenarios(one, published=plan).margin == 0.3
    made = Recommendation(plan, {}, one.data["week"].to_numpy()[-2], 3)
    assert spent_against_recommended(one, made).margin == 0.3
