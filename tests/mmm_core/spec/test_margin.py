"""One `margin` of a model: it holds wherever money is made of the outcome, and nothing may say otherwise."""

import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC

PROFIT = {"weeks": 6, "goal": {"profit": {}}}


def test_it_holds_for_budget_gates_and_experiments():
    spec = parse_spec({**SPEC, "margin": 0.4, "budget": PROFIT})
    assert (spec.budget.goal.profit.margin, spec.readiness.margin, spec.experiments.margin) == (0.4, 0.4, 0.4)
    assert spec.spec_hash == parse_spec(SPEC).spec_hash
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    plain = parse_spec({**SPEC, "margin": 0.4})
    assert plain.budget.goal is None  # a budget has a profit where it asks for one


def test_without_it_each_place_says_its_own():
    spec = parse_spec({**SPEC, "budget": {"goal": {"profit": {"margin": 0.3}}}, "readiness": {"margin": 0.5}})
    assert (spec.budget.goal.profit.margin, spec.readiness.margin, spec.experiments.margin) == (
        0.3,
        0.5,
        None,
    )
    assert parse_spec(SPEC).readiness.margin == 1.0


def test_money_a_unit_of_a_kpi_is_no_share_of_revenue():
    spec = parse_spec({**SPEC, "kpi": {"column": "orders", "kind": "non_revenue"}, "margin": 12})
    assert (spec.readiness.margin, spec.experiments.margin) == (1.0, 12)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"readiness": {"margin": 0.3}},
            r"readiness.margin: 0.3, and the model's `margin` is 0.4: .* leave this key out",
        ),
        ({"experiments": {"margin": 0.3}}, "experiments.margin: 0.3, and the model's `margin` is 0.4"),
        (
            {"budget": {"goal": {"profit": {"margin": 1}}}},
            "budget.goal.profit.margin: 1, and the model's `margin`",
        ),
        ({"margin": -0.2}, "margin: write a number above 0"),
        ({"margin": "much"}, "margin: write a number above 0"),
        ({"readiness": 3}, "readiness: input should be a valid mapping"),
    ],
)
def test_another_margin_is_refused(keys, says):
    with pytest.raises(SpecError, match=says):
        parse_spec({**SPEC, "margin": 0.4, **keys})
    same = {"readiness": {"margin": 0.4}, "experiments": {"margin": 0.4}}
    assert parse_spec({**SPEC, "margin": 0.4, **same}).margin == 0.4


def test_a_profit_without_any_margin_is_refused():
    with pytest.raises(SpecError, match="a profit needs a margin: state the model's `margin`"):
        parse_spec({**SPEC, "budget": PROFIT})
    with pytest.raises(ValueError, match="a profit needs a margin"):
        Budget.model_validate(PROFIT)
