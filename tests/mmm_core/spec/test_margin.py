"""One `margin` of a model: it holds wherever money is made of the outcome, and nothing may say otherwise."""

import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.margin import without_old_default
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC

UNITS = {"column": "orders", "kind": "non_revenue"}
PROFIT = {"weeks": 6, "goal": {"profit": {}}}


def test_it_holds_for_budget_gates_and_experiments():
    spec = parse_spec({**SPEC, "margin": 0.4, "budget": PROFIT})
    assert (spec.budget.goal.profit.margin, spec.readiness.margin, spec.experiments.margin) == (0.4, 0.4, 0.4)
    assert spec.spec_hash == parse_spec(SPEC).spec_hash
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    plain = parse_spec({**SPEC, "margin": 0.4})
    assert plain.budget.goal is None  # a budget has a profit where it asks for one


@pytest.mark.parametrize(
    "keys",
    [
        {"margin": 0.3, "budget": PROFIT},
        {"budget": {"goal": {"profit": {"margin": 0.3}}}},
        {"readiness": {"margin": 0.3}, "budget": PROFIT},
        {"experiments": {"margin": 0.3}, "budget": PROFIT},
        {"experiments": {"margin": 0.3}, "readiness": {"margin": 0.3}, "budget": PROFIT},
    ],
)
def test_whichever_key_states_it_every_reader_has_it(keys):
    spec = parse_spec({**SPEC, **keys})
    assert (spec.margin, spec.profit_margin) == (0.3, 0.3)
    assert (spec.budget.goal.profit.margin, spec.readiness.margin, spec.experiments.margin) == (0.3, 0.3, 0.3)
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec


def test_where_none_is_stated_all_of_revenue_counts_and_units_have_no_price():
    spec = parse_spec(SPEC)
    assert (spec.margin, spec.readiness.margin, spec.profit_margin) == (None, None, 1.0)
    assert parse_spec({**SPEC, "kpi": UNITS}).profit_margin is None


def test_money_a_unit_of_a_kpi_is_no_share_of_revenue():
    spec = parse_spec({**SPEC, "kpi": UNITS, "margin": 12})
    assert (spec.readiness.margin, spec.experiments.margin, spec.profit_margin) == (12, 12, 12)


def test_a_posterior_written_when_the_gates_had_a_default_of_their_own_is_read():
    stored = {
        **SPEC,
        "budget": {"goal": {"profit": {"margin": 0.3}}},
        "readiness": {"margin": 1.0, "moved": 0.3},
    }
    spec = parse_spec(without_old_default(stored))
    assert (spec.margin, spec.readiness.margin, spec.readiness.moved) == (0.3, 0.3, 0.3)
    assert without_old_default({**SPEC, "readiness": {"margin": 0.4}})["readiness"] == {"margin": 0.4}


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"readiness": {"margin": 0.3}},
            r"readiness.margin: 0.3, and the model's `margin` is 0.4: .* leave one out",
        ),
        ({"experiments": {"margin": 0.3}}, "experiments.margin: 0.3, and the model's `margin` is 0.4"),
        (
            {"budget": {"goal": {"profit": {"margin": 1}}}},
            "budget.goal.profit.margin: 1, and the model's `margin`",
        ),
        (
            {"margin": None, "readiness": {"margin": 0.3}, "experiments": {"margin": 0.2}},
            "experiments.margin: 0.2, and `readiness.margin` is 0.3",
        ),
        (
            {"margin": None, "budget": {"goal": {"profit": {"margin": 0.3}}}, "readiness": {"margin": 0.5}},
            "readiness.margin: 0.5, and `budget.goal.profit.margin` is 0.3",
        ),
        (
            {"margin": 1.2},
            "margin: 1.2 of revenue is more than all of it: .* the nearest feasible figure is 1",
        ),
        *(
            (keys, r"margin: write a number above 0, got -0.2: .* the nearest feasible figure is any above 0")
            for keys in (
                {"margin": -0.2},
                {"readiness": {"margin": -0.2}},
                {"experiments": {"margin": -0.2}},
                {"budget": {"goal": {"profit": {"margin": -0.2}}}},
            )
        ),
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
