"""Response curves against the revenue of whole plans, worked out with plain loops."""

import jax
import numpy as np
import pytest

from mmm_core.curves import plan_response, response_curves, thinned
from mmm_core.errors import InputError
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table

ONE = {"alpha": 0.5, "half_saturation": 0.9, "slope": 2.0, "coefficient": [[1.5, 0.8, 0.2]]}


def revenue_of_a_plan(tree, channel, multiplier, weeks):
    """Revenue in the horizon and the 4 weeks after it less that of no spend, history carrying over in both."""
    data = tree["constant_data"].to_dataset()
    media = data["exposure"][0, :, channel].to_numpy() / float(data["media_scale"][channel])

    def total(factor):
        path = np.concatenate([media, factor * media[-weeks:], np.zeros(4)])
        response = hill(adstocked(path, ONE["alpha"], 4)[len(media) :], ONE["half_saturation"], ONE["slope"])
        return ONE["coefficient"][0][channel] * float(data["kpi_scale"]) * response.sum()

    return total(multiplier) - total(0.0)


@pytest.mark.parametrize("weeks", [1, 6])
def test_a_curve_is_the_increment_of_whole_plans(weeks):
    tree = posterior(draws=2, chains=1, **ONE)
    table = response_curves(tree, [0.0, 0.5, 1.0, 2.0], weeks)
    for channel, name in enumerate(["tv", "search"]):
        expected = [revenue_of_a_plan(tree, channel, factor, weeks) for factor in (0.0, 0.5, 1.0, 2.0)]
        np.testing.assert_allclose(
            table.loc[table["channel"] == name, "mean"], expected, rtol=1e-9, atol=1e-9
        )


def test_carry_out_is_priced_and_carry_in_is_not():
    # All spend in the last week and half of it carried over: more than the last week's response counts.
    table = weekly_table()
    table.loc[: len(table) - 2, "tv_spend"] *= 1e-9
    table.loc[len(table) - 1, "tv_spend"] = 500.0
    tree = posterior(table=table, draws=1, chains=1, **ONE)
    with jax.enable_x64(True):
        response = plan_response(tree, 1)
        later = np.asarray(response.planned)[0, 0, 0]
    assert (later > 0).all()
    assert len(later) == 1 + 4
    assert later.sum() == pytest.approx(500.0 / float(tree["constant_data"]["media_scale"][0]))


def test_curves_rise_from_zero_and_intervals_hold_the_mean():
    table = response_curves(posterior(panel_spec(), weekly_table(geos=("a", "b"))))
    assert set(table["channel"]) == {"tv", "search"}
    for _, curve in table.groupby("channel"):
        assert curve["mean"].iloc[0] == pytest.approx(0, abs=1e-9)
        assert (np.diff(curve["mean"]) > 0).all()
        assert (curve["q05"] <= curve["mean"]).all()
        assert (curve["mean"] <= curve["q95"]).all()
        spend = curve.loc[curve["multiplier"] == 1.0, "spend"].item()
        np.testing.assert_allclose(curve["spend"], spend * curve["multiplier"])


def test_spend_is_that_of_the_last_comparable_period():
    tree = posterior()
    table = response_curves(tree, [1.0], weeks=5)
    spend = tree["constant_data"]["spend"].to_numpy()[0, -5:].sum(axis=0)
    np.testing.assert_allclose(table["spend"], spend)


def test_the_horizon_is_the_budgets_and_no_longer_than_the_data():
    assert plan_response(posterior()).weeks == SPEC["budget"]["weeks"]
    with pytest.raises(InputError, match=r"horizon of 61 weeks .* 60"):
        response_curves(posterior(), [1.0], weeks=61)
    with pytest.raises(InputError, match="0 or more"):
        response_curves(posterior(), [-0.1])


def test_thinned_draws_spread_over_the_chains():
    tree = posterior(draws=20, chains=2)
    assert thinned(tree, 1000).tolist() == list(range(40))
    few = thinned(tree, 10)
    assert len(few) == 10
    assert few[0] == 0
    assert few[-1] == 39
