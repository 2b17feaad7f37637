"""Lag weights, half-lives and saturation curves against their definitions."""

import numpy as np
import pytest

from mmm_core.effects.decay import decay_draws, decay_table, half_life, half_life_table, saturation_draws
from mmm_core.posterior.schema import spec_of
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import SPEC, posterior
from tests.mmm_core.whole_family import SPECS, case

pytestmark = pytest.mark.usefixtures("hurried_compiler")


@pytest.mark.parametrize("name", SPECS)
def test_weights_of_every_kind_by_their_definition(name):
    tree = case(name)
    spec, found = spec_of(tree), decay_draws(tree)
    for position in range(6):
        draw = brute_force.one_draw(tree, position)
        for i, channel in enumerate(spec.channel_specs):
            parameter = {key: float(draw[key][i]) for key in channel.adstock.parameters}
            wanted = brute_force.lag_weights(channel, parameter)
            got = found["weight"][position, i].to_numpy()
            np.testing.assert_allclose(got[: len(wanted)], wanted, rtol=1e-9, atol=1e-12)
            assert (got[len(wanted) :] == 0).all()
    np.testing.assert_allclose(found["weight"].sum("lag"), 1.0)


def test_half_lives_in_closed_form():
    np.testing.assert_allclose(half_life(np.array([0.5, 0.25, 0.25])), 1.0)
    np.testing.assert_allclose(half_life(np.array([0.25, 0.5, 0.25])), 1.5)
    np.testing.assert_allclose(half_life(np.array([1.0, 0.0])), 0.5)
    np.testing.assert_allclose(half_life(np.array([[0.0, 0.0, 1.0], [0.8, 0.2, 0.0]])), [2.5, 0.625])
    # geometric without an end: log(1/2) / log(alpha) weeks, exact where that is a whole number
    alpha = 0.5 ** (1 / 3)
    weights = alpha ** np.arange(400)
    assert half_life(weights / weights.sum()) == pytest.approx(3.0)


def test_tables_summarise_the_draws_up_to_each_channels_longest_lag():
    tree = case("other_kinds")
    draws, table = decay_draws(tree), decay_table(tree)
    assert table.groupby("channel", sort=False).size().to_dict() == {"tv": 4, "search": 5, "video": 1}
    tv = table[table["channel"] == "tv"]
    np.testing.assert_allclose(tv["mean"], draws["weight"].sel(channel="tv").mean("draw")[:4])
    np.testing.assert_allclose(tv["q95"], draws["weight"].sel(channel="tv").quantile(0.95, "draw")[:4])
    lives = half_life_table(tree).set_index("channel")
    assert lives.loc["video", "mean"] == 0.5
    assert lives.loc["tv", "median"] == pytest.approx(float(draws["half_life"].sel(channel="tv").median()))


@pytest.mark.parametrize("name", SPECS)
def test_saturation_curves_of_every_kind_by_their_definition(name):
    tree = case(name)
    spec, data, found = spec_of(tree), tree["constant_data"].to_dataset(), saturation_draws(tree, points=7)
    draw = brute_force.one_draw(tree, 4)
    for i, channel in enumerate(spec.channel_specs):
        parameter = {key: float(draw[key][i]) for key in channel.saturation.parameters}
        unit = float(data["frequency_scale"][i] if channel.frequency else data["media_scale"][i])
        media = found["media"][i].to_numpy()
        most = (
            data["frequency"][..., i] if channel.frequency else data["exposure"][..., i] / data["population"]
        )
        np.testing.assert_allclose(media, np.linspace(0, float(most.max()), 7))
        wanted = brute_force.saturated(channel.saturation.kind, media / unit, parameter)
        np.testing.assert_allclose(found["response"][4, i], wanted, rtol=1e-9)


def test_a_model_without_any_shape_has_curves_all_the_same():
    plain = {"adstock": {"kind": "none"}, "saturation": {"kind": "none"}}
    tree = posterior({**SPEC, "media": {**SPEC["media"], "defaults": plain, "organic": {}}}, draws=3)
    assert decay_draws(tree)["weight"].values.tolist() == [[[1.0], [1.0]]] * 6
    np.testing.assert_allclose(saturation_draws(tree)["response"][0], saturation_draws(tree)["scaled"])
