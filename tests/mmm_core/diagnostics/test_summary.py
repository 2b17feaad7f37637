"""The summary holds what the tables say, and is JSON."""

import json

import pytest

from mmm_core.diagnostics.summary import summary
from mmm_core.effects.roi import roi_table
from tests.mmm_core.posteriors import SPEC, posterior
from tests.mmm_core.whole_family import case


def test_a_summary_is_json_and_agrees_with_the_roi_table():
    tree = posterior()
    facts = json.loads(json.dumps(summary(tree), allow_nan=False))
    assert (facts["chains"], facts["draws"], facts["warmup"], facts["weeks"]) == (2, 20, 200, 60)
    assert (facts["compile_seconds"], facts["sampling_seconds"]) == (1.0, 2.0)
    assert facts["divergences"] == 0
    assert facts["rhat_max"] > 0.9
    assert facts["ess_bulk_min"] > 0
    assert facts["ess_tail_min"] > 0
    table = roi_table(tree).set_index(["channel", "metric"])
    assert facts["roi"]["tv"] == pytest.approx(table.loc[("tv", "roi")].to_dict())
    assert set(facts["roi"]) == set(facts["mroi"]) == {"tv", "search"}
    assert set(facts["contribution"]) == {"tv", "search", "newsletter"}
    assert set(facts["mroi"]["tv"]) == {"mean", "median", "sd", "q05", "q95"}
    assert "cpik" not in facts


def test_what_is_not_defined_is_null():
    facts = summary(posterior(chains=1))
    assert facts["rhat_max"] is None
    json.dumps(facts, allow_nan=False)


def test_cost_per_unit_where_the_kpi_is_not_revenue():
    spec = {**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    assert set(summary(posterior(spec))["cpik"]) == {"tv", "search"}


def test_what_figures_are_counted_in_is_said():
    facts = summary(case("other_kinds"))
    assert (facts["outcome"], facts["returns"]) == ("orders", "orders per unit of spend")
    assert summary(case("plain"))["returns"] == "revenue per unit of spend"


def test_a_cost_that_is_infinite_is_null():
    spec = {**SPEC, "kpi": {"column": "orders", "kind": "non_revenue"}}
    facts = summary(posterior(spec, coefficient=[[1.0, 0.0, 0.1]]))
    assert facts["cpik"]["search"] == {"mean": None, "median": None, "sd": None, "q05": None, "q95": None}
    json.dumps(facts, allow_nan=False)
