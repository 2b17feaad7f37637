"""Responses to media against loops over weeks and lags."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.model.media import MediaLayout, MediaModel, rows, saturated_media, spread_over
from mmm_core.posterior.predictor import some_draws
from tests.mmm_core.definitions import compiled, drawn, family_spec, family_table, media_terms, response

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

GEOS = ("n", "s", "w")
PANEL = {"column": "geo", "population": "population"}


@pytest.fixture(scope="module")
def panel():
    """A panel with every kind of carryover and saturation, and a draw of its parameters."""
    spec = family_spec(
        channels={"tv": {"time_varying": {"every": 9, "spread": 0.5}}}, geo={**PANEL, "effects": "lognormal"}
    )
    one = drawn(spec, family_table(geos=GEOS))
    return spec, one.data, one.effects


def responses(spec, data, effects, times=1.0):
    media = MediaModel.of(data, spec)
    inputs = media.inputs(data["exposure"].to_numpy(), window=data.sizes["week"])
    program = compiled(lambda inputs, shape: saturated_media(media.layout, inputs, shape, times))
    return program(inputs, effects.parameters.shape)


def effect_of(media, *arguments):
    return np.asarray(compiled(media.effect)(*arguments))


def test_every_kind_mixed_over_channels(panel):
    spec, data, effects = panel
    shape, ours = effects.parameters.shape, responses(spec, data, effects)
    np.testing.assert_allclose(ours, response(spec, data, shape), rtol=1e-9, atol=1e-12)
    # a fault in one kind would not hide behind the size of another
    assert (np.asarray(ours).max(axis=(1, 2)) > 1e-3).all()


def test_more_media_is_more_reach_where_reach_is_known(panel):
    spec, data, effects = panel
    shape, ours = effects.parameters.shape, responses(spec, data, effects, times=1.4)
    np.testing.assert_allclose(ours, response(spec, data, shape, times=1.4), rtol=1e-9, atol=1e-12)
    video = spec.channels.index("video")
    np.testing.assert_allclose(ours[video], 1.4 * responses(spec, data, effects)[video])


def test_parameters_are_nan_where_a_channel_has_none(panel):
    spec, _, effects = panel
    for name, channels in spec.shape_parameters.items():
        has = [channel in channels for channel in spec.channels]
        np.testing.assert_array_equal(np.isfinite(effects.parameters.shape[name]), has)


def test_effect_is_in_units_of_the_kpi(panel):
    spec, data, effects = panel
    media = MediaModel.of(data, spec)
    history = data.sizes["media_week"] - data.sizes["week"]
    ours = effect_of(media, effects.parameters, data["exposure"].to_numpy())[:, history:]
    population = data["population"].to_numpy()[:, None, None]
    terms = np.moveaxis(media_terms(spec, data, effects.parameters), 0, -1)
    np.testing.assert_allclose(ours, terms * population * float(data["kpi_scale"]), rtol=1e-9, atol=1e-9)


def test_one_geo_and_a_batch_of_draws_are_parts_of_the_whole(panel):
    spec, data, effects = panel
    media, exposure = MediaModel.of(data, spec), data["exposure"].to_numpy()
    other = drawn(spec, family_table(geos=GEOS), seed=1).effects.parameters
    both = jax.tree.map(lambda *draws: jnp.stack(draws), effects.parameters, other)
    batch = effect_of(media, both, exposure)
    np.testing.assert_allclose(batch[1], effect_of(media, other, exposure), rtol=1e-12)
    np.testing.assert_allclose(
        effect_of(media, some_draws(both, slice(0, 1)), exposure)[0], batch[0], rtol=1e-12
    )
    south = other._replace(coefficient=other.coefficient[1:2])
    np.testing.assert_allclose(effect_of(media.geo(1), south, exposure[1:2])[0], batch[1, 1], rtol=1e-12)


def test_effect_on_the_log_scale_is_of_the_logarithm_whatever_the_population():
    spec = family_spec(geo={**PANEL, "effects": "lognormal"}, kpi={"column": "revenue", "scale": "log"})
    one = drawn(spec, family_table(geos=GEOS))
    data, effects = one.data, one.effects
    history = data.sizes["media_week"] - data.sizes["week"]
    ours = effect_of(MediaModel.of(data, spec), effects.parameters, data["exposure"].to_numpy())[:, history:]
    terms = np.moveaxis(media_terms(spec, data, effects.parameters), 0, -1)
    np.testing.assert_allclose(ours, terms * float(data["kpi_scale"]), rtol=1e-9, atol=1e-12)


def test_frequency_may_be_planned(panel):
    """Twice as often to the same people: more through the curve of frequency alone."""
    spec, data, effects = panel
    media, exposure = MediaModel.of(data, spec), data["exposure"].to_numpy()
    plain = effect_of(media, effects.parameters, exposure)
    often = effect_of(media, effects.parameters, exposure, 2 * media.frequency)
    video = spec.channels.index("video")
    doubled = data.assign(frequency=2 * data["frequency"])
    expected = np.moveaxis(media_terms(spec, doubled, effects.parameters), 0, -1)[..., video]
    expected = expected * float(data["kpi_scale"]) * data["population"].to_numpy()[:, None]
    np.testing.assert_allclose(often[:, -data.sizes["week"] :, video], expected, rtol=1e-9)
    others = [c for c in range(len(spec.channels)) if c != video]
    np.testing.assert_array_equal(often[..., others], plain[..., others])


def test_multipliers_are_of_the_last_weeks_of_a_path(panel):
    spec, data, effects = panel
    media, exposure = MediaModel.of(data, spec), data["exposure"].to_numpy()
    parameters, weeks = effects.parameters, data.sizes["week"]
    ahead = parameters._replace(multiplier=parameters.multiplier[-1:])
    plain = effect_of(media, parameters._replace(multiplier=None), exposure)
    np.testing.assert_allclose(
        effect_of(media, parameters, exposure)[:, -weeks:],
        plain[:, -weeks:] * parameters.multiplier,
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        effect_of(media, ahead, exposure), plain * parameters.multiplier[-1], rtol=1e-12
    )
    with pytest.raises(ValueError, match="a path of 10 weeks and multipliers of"):
        effect_of(media, parameters, exposure[:, :10], media.frequency[:, :10])


def test_only_saturated_first():
    """No channel that carries over first: the layout of its inputs is empty."""
    before = {"saturation": {"before_adstock": True}}
    spec = family_spec(media={"channels": {"tv": {"spend": "tv_spend", **before}}, "organic": {}})
    one = drawn(spec, family_table())
    data, effects = one.data, one.effects
    np.testing.assert_allclose(effects.response, response(spec, data, effects.parameters.shape), rtol=1e-9)


def test_layout_of_some_channels_keeps_their_order():
    layout = MediaLayout.of(family_spec())
    some = layout.of_channels((3, 0))
    assert some.adstock_kind == ("geometric", "delayed")
    assert (some.l_max, some.saturated_first, some.has_frequency) == ((5, 6), (True, False), (True, False))
    assert layout.parameters["alpha"] == (0, 3, 4)
    assert layout.lags == 7


@pytest.mark.parametrize("at", [(0, 1, 2, 3, 4), (1, 2), (4, 0, 1, 3), (2, 2, 0), (3,)])
def test_rows_are_an_indexed_read(at):
    values = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(rows(jnp.asarray(values), at), values[list(at)])


@pytest.mark.parametrize("at", [(0, 1, 2), (1, 4), (3, 0, 2)])
def test_spread_over_fills_the_rest(at):
    values = np.arange(1.0, len(at) + 1)
    expected = np.full(5, np.nan)
    expected[list(at)] = values
    np.testing.assert_array_equal(spread_over(jnp.asarray(values), at, 5, np.nan), expected)


def test_a_program_of_fixed_positions_holds_no_gather():
    """What `rows` is for; jax.numpy's own indexing fails this."""

    def text(read):
        return jax.jit(jax.grad(lambda x: (read(x) ** 2).sum())).lower(jnp.ones(5)).as_text()

    assert "scatter" not in text(lambda x: rows(x, (4, 0, 1)))
    assert "scatter" in text(lambda x: x[np.array([4, 0, 1])])


def test_parameters_of_one_channel_do_not_reach_another(panel):
    spec, data, effects = panel
    media = MediaModel.of(data, spec)
    inputs = media.inputs(data["exposure"].to_numpy(), window=data.sizes["week"])

    totals = compiled(jax.jacrev(lambda shape: saturated_media(media.layout, inputs, shape).sum((1, 2))))(
        effects.parameters.shape
    )
    for c, name in enumerate(spec.channels):
        for parameter, slopes in totals.items():
            reached = np.flatnonzero(slopes[c])
            assert set(reached) <= {c}
            assert bool(len(reached)) == (name in spec.shape_parameters[parameter])
