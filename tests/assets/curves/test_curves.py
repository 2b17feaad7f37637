"""Contributions, returns and response curves: the library's tables, labelled, kept and checked."""

import pandas as pd
import pytest

from assets.curves.contributions import contributions
from assets.curves.response_curves import response_curves
from assets.curves.roi import roi
from mmm_core.spec.budget_spec import Budget
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks

pytestmark = pytest.mark.slow


def library_table(name, tree):
    """What the library makes of a posterior, rows in the asset's order."""
    from mmm_core import effects
    from mmm_core.effects import contributions, curves, roi  # noqa: F401

    if name == "roi":
        return effects.roi.roi_table(tree)
    if name == "response_curves":
        table = effects.curves.response_curves(tree)
        return table.sort_values(["channel", "multiplier"], ignore_index=True)
    parts = effects.contributions.contributions(tree)[["mean", "q05", "q95"]]
    table = parts.to_dataframe().reset_index().rename(columns={"week": "week_start"})
    table["first_day"] = table["week_start"]  # the sample world dates weeks by their first days
    return table[["week_start", "first_day", "component", "mean", "q05", "q95"]]


@pytest.mark.parametrize("asset", [contributions, roi, response_curves], ids=lambda asset: asset.key.path[-1])
def test_the_table_is_the_librarys_and_says_what_it_is_of(stages, asset):
    name = asset.key.path[-1]
    result = stages.materialize(asset)
    assert result.success
    assert all(check.passed for check in checks(result).values())
    version = stages.posteriors.current(VINTAGE)
    kept = stages.results.read(name, VINTAGE)
    assert set(kept.pop("posterior_version")) == {version}
    assert set(kept.pop("model_version")) == {"1"}
    expected = library_table(name, stages.posteriors.load(VINTAGE, version))
    pd.testing.assert_frame_equal(kept, expected, rtol=1e-9, check_dtype=False)
    assert metadata(result, name)["posterior_version"] == version
    again = stages.materialize(asset)
    versions = {
        event.tags["dagster/data_version"]
        for run in (result, again)
        for event in run.asset_materializations_for_node(name)
    }
    assert len(versions) == 1, "the same table is the same version"


def test_curves_are_of_the_weeks_and_prices_that_the_budget_has_now(stages):
    """As of the budget itself: the YAML's question may change without a fit."""
    import numpy as np

    from mmm_core.effects import curves

    budget = {"weeks": 4, "discount": 0.2, "price_rise": {"tv": 0.1}}
    stages.write_spec(budget=budget)
    made = stages.materialize(response_curves)
    assert made.success
    tree = stages.posteriors.load(VINTAGE, stages.posteriors.current(VINTAGE))
    now = Budget.model_validate(budget)
    kept = stages.results.read("response_curves", VINTAGE)
    expected = curves.response_curves(tree, budget=now).sort_values(["channel", "multiplier"])
    assert np.allclose(kept["mean"], expected["mean"], rtol=1e-9)
    assert not np.allclose(kept["spend"], library_table("response_curves", tree)["spend"])


def test_a_curve_that_falls_fails_its_check(unfitted):
    unfitted.registered(coefficient=[[-0.4, 0.5, 0.1]])
    assert not checks(unfitted.materialize(response_curves))["never_falls"].passed
    assert checks(unfitted.materialize(roi))["is_finite_and_ordered"].passed


def test_a_posterior_that_is_not_registered_has_no_results(unfitted):
    from assets.posteriors.mmm_posterior import mmm_posterior
    from tests.fixtures_warehouse import failure

    unfitted.put_posterior()
    assert unfitted.materialize(mmm_posterior).success
    assert "materialize registered_model first" in failure(unfitted.materialize(roi))
    assert unfitted.results.read("roi", VINTAGE) is None


def test_a_channel_of_any_name_is_tracked(unfitted):
    channels = {"search (brand)": {"spend": "search_spend"}, "tv [50 %]": {"spend": "tv_spend"}}
    unfitted.write_spec(media={"channels": channels})
    unfitted.registered(spec={**SMALL, "media": {"channels": channels}})
    assert unfitted.materialize(roi).success
    assert set(unfitted.results.read("roi", VINTAGE)["channel"]) == set(channels)
