"""Response curves against the revenue of whole plans, worked out with plain loops."""

import jax
import numpy as np
import pandas as pd
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.contributions import contributions
from mmm_core.effects.curves import response_curves, response_draws, spend_response
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table
from tests.mmm_core.whole_family import SPECS, case

pytestmark = pytest.mark.usefixtures("hurried_compiler")

ONE = {"alpha": 0.5, "half_saturation": 0.9, "slope": 2.0, "coefficient": [[1.5, 0.8, 0.2]]}


def revenue_of_a_plan(tree, channel, multiplier, weeks, after):
    """Revenue in the horizon and the 4 weeks after it less that of no spend, history and what follows in both."""
    data = tree["constant_data"].to_dataset()
    media = data["exposure"][0, :, channel].to_numpy() / float(data["media_scale"][channel])

    def total(factor):
        later = np.resize(media[-weeks:], 4) if after == "continue" else np.zeros(4)
        path = np.concatenate([media, factor * media[-weeks:], later])
        response = hill(adstocked(path, ONE["alpha"], 4)[len(media) :], ONE["half_saturation"], ONE["slope"])
        return ONE["coefficient"][0][channel] * float(data["kpi_scale"]) * response.sum()

    return total(multiplier) - total(0.0)


@pytest.mark.parametrize("after", ["continue", "none"])
@pytest.mark.parametrize("weeks", [1, 6])
def test_a_curve_is_the_increment_of_whole_plans(weeks, after):
    tree = posterior(draws=2, chains=1, **ONE)
    table = response_curves(tree, [0.0, 0.5, 1.0, 2.0], weeks, Budget(after=after))
    for channel, name in enumerate(["tv", "search"]):
        expected = [revenue_of_a_plan(tree, channel, factor, weeks, after) for factor in (0.0, 0.5, 1.0, 2.0)]
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
        response = spend_response(tree, 1)
        later = np.asarray(response.by_channel[0].planned)[0, 0]
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
    assert spend_response(posterior()).weeks == SPEC["budget"]["weeks"]
    with pytest.raises(InputError, match=r"horizon of 61 weeks .* 60"):
        response_curves(posterior(), [1.0], weeks=61)
    with pytest.raises(InputError, match="0 or more"):
        response_curves(posterior(), [-0.1])


def test_a_response_is_worked_out_again_where_something_else_is_asked():
    tree = posterior()
    budget = Posterior.of(tree).spec.budget
    first = spend_response(tree, 5)
    assert spend_response(tree, 5, budget) is first
    for other in (
        spend_response(tree, 6),
        spend_response(tree, 5, budget.model_copy(update={"discount": 0.1})),
        spend_response(tree, 5, budget.model_copy(update={"after": "none"})),
    ):
        assert other is not first
    np.testing.assert_array_equal(spend_response(tree, 5).worth, first.worth)


def plan_by_brute_force(tree, position, channel, multiplier, weeks):
    """Outcome of a plan of one channel, the others as they were, less that without it."""
    data, draw = tree["constant_data"].to_dataset(), brute_force.one_draw(tree, position)
    history, tail = data.sizes["media_week"] - data.sizes["week"], 4
    modelled = data.sizes["week"]

    def longer(values, scale):
        """The path, then its last weeks once more with the channel scaled, then those that it carries into."""
        again = values[:, -weeks:].copy()
        later = again[:, :tail].copy()
        again[..., channel] *= scale
        return np.concatenate([values, again, later], axis=1)

    def repeated(values):
        last = values[:, -weeks:]
        return np.concatenate([last, np.repeat(last.mean(1, keepdims=True), tail, axis=1)], axis=1)

    frequency = None
    if "frequency" in data:
        often = data["frequency"].to_numpy()
        frequency = np.concatenate([often, often[:, -weeks:], often[:, -weeks:][:, :tail]], axis=1)
    multipliers = None
    if "multiplier" in draw:
        path = draw["multiplier"].to_numpy()
        multipliers = np.repeat(path[-1:], modelled + weeks + tail, axis=0)
    base = repeated(brute_force.expected(tree, draw, brute_force.baseline(tree, draw)))
    worth = repeated(data["revenue_per_kpi"].to_numpy())

    def total(scale):
        exposure = longer(data["exposure"].to_numpy(), scale)
        terms = brute_force.media_terms(tree, draw, exposure, frequency, multipliers)[:, modelled:].sum(-1)
        assert exposure.shape[1] - history == modelled + weeks + tail
        kpi = base * np.exp(terms) if "log" in tree.attrs["case"] else base + terms
        return (kpi * worth).sum()

    return total(multiplier) - total(0.0)


@pytest.mark.parametrize("name", SPECS)
def test_a_curve_of_any_family_is_the_increment_of_whole_plans(name):
    tree = case(name).copy()
    tree.attrs["case"] = name
    found = response_draws(tree, [0.0, 0.6, 1.0, 1.7], 6)
    for position in (0, 4):
        for i, channel in enumerate(found["channel"].values):
            for j, multiplier in enumerate((0.0, 0.6, 1.0, 1.7)):
                wanted = plan_by_brute_force(tree, position, i, multiplier, 6)
                got = float(found["response"].sel(channel=channel)[position, j])
                assert got == pytest.approx(wanted, rel=1e-7, abs=1e-6), (channel, multiplier)


def test_tables_say_what_they_count_and_whether_it_is_approximate():
    tree = case("other_kinds").copy()
    assert response_curves(tree, [1.0]).attrs["outcome"] == "orders"
    assert "approximate" not in response_curves(tree, [1.0]).columns
    tree.attrs["approximate"] = "normal approximation"
    table = response_curves(tree, [1.0])
    assert table.attrs["approximate"] == "approximate: normal approximation"
    assert set(table["approximate"]) == {"approximate: normal approximation"}


def test_a_wide_panel_uses_fewer_draws(monkeypatch):
    tree = posterior(panel_spec(), weekly_table(geos=("a", "b")), draws=120)
    monkeypatch.setattr("mmm_core.effects.curves.MAX_NUMBERS", 10)
    monkeypatch.setattr("mmm_core.effects.curves.MIN_DRAWS", 30)
    assert response_draws(tree, [1.0]).sizes["draw"] == 30


@pytest.mark.parametrize("log", [False, True])
def test_a_channel_that_was_off_has_the_curve_of_its_latest_period_with_spend(log):
    # tv ran until 6 weeks before the end: its plan repeats those weeks; nothing of it carries in any more.
    table = weekly_table()
    table.loc[len(table) - 6 :, "tv_spend"] = 0.0
    spec = {**SPEC, "kpi": {**SPEC["kpi"], "scale": "log"}} if log else SPEC
    tree = posterior(spec, table, draws=2, chains=1, **ONE)
    found = response_curves(tree, [0.0, 0.5, 1.0], 6)
    tv = found[found["channel"] == "tv"]
    latest = slice(len(table) - 12, len(table) - 6)
    np.testing.assert_allclose(tv["spend"], np.array([0, 0.5, 1]) * table["tv_spend"][latest].sum())
    assert tv["last_week"].eq(pd.Timestamp(table["week_start"].iloc[-7])).all()
    assert set(found.attrs["off"]) == {"tv"}
    assert (
        "no spend in the last 6 weeks: its curve and cost are those of the 6 weeks to"
        in found.attrs["off"]["tv"]
    )
    assert (np.diff(tv["mean"]) > 0).all()
    search = found[found["channel"] == "search"]
    assert search["last_week"].eq(pd.Timestamp(table["week_start"].iloc[-1])).all()
    if not log:
        data = tree["constant_data"].to_dataset()
        flight = table["tv_spend"].to_numpy()[latest] / float(data["media_scale"][0])
        before = table["tv_spend"].to_numpy()[: len(table)] / float(data["media_scale"][0])

        def total(factor):
            path = np.concatenate([before, factor * flight, np.zeros(4)])  # off it stays
            response = hill(
                adstocked(path, ONE["alpha"], 4)[len(before) :], ONE["half_saturation"], ONE["slope"]
            )
            return ONE["coefficient"][0][0] * float(data["kpi_scale"]) * response.sum()

        expected = [total(factor) - total(0.0) for factor in (0.0, 0.5, 1.0)]
        np.testing.assert_allclose(tv["mean"], expected, rtol=1e-9, atol=1e-9)


def test_a_further_week_with_other_draws_compiles_nothing():
    """Curves, budget and returns: a posterior's numbers are arguments of the programs, weeks are whole quarters."""
    compiled = []

    def listen(event, seconds, **kwargs):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(kwargs)

    def analyse(tree):
        return response_curves(tree), allocate(tree), roi_table(tree), contributions(tree)

    first = analyse(posterior(table=weekly_table(60)))
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        later = analyse(posterior(table=weekly_table(61, seed=3), seed=4))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert compiled == []
    assert not np.allclose(first[0]["mean"], later[0]["mean"])
