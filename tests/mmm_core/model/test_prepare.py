"""What the numbers of a table come to in a model: units, order and held-out weeks, and the order of integration."""

import jax
import numpy as np
import pytest
from numpyro import handlers

from mmm_core.data.arrays import model_data
from mmm_core.data.quarters import whole_quarters
from mmm_core.model.gaussian_block import Spectrum, gaussian_block, log_likelihood
from mmm_core.model.level import LevelPrior
from mmm_core.model.prepare import prepare
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.definitions import drawn, family_spec, family_table
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

LOG = {"column": "revenue", "scale": "log"}
PROMOTED = {
    "promo": {"column": "promotion", "baseline": "zero", "prior": {"contribution": {"normal": [0.02, 0.1]}}}
}


@pytest.mark.parametrize("kpi", [{"column": "revenue"}, LOG])
def test_the_kpi_of_a_holdout_reaches_no_number_of_the_fit(kpi):
    prior = {"prior": {"contribution": {"lognormal": [-3, 1]}}}
    spec, table = family_spec(channels={"radio": prior}, kpi=kpi, treatments=PROMOTED), family_table()
    changed = table.copy()
    changed.loc[changed.index[-8:], "revenue"] *= 3
    before, after = (prepare(model_data(t, spec, holdout_weeks=8), spec).arrays for t in (table, changed))
    jax.tree.map(np.testing.assert_array_equal, before, after)


def test_units_do_not_matter():
    """Money in cents, impressions in thousands: the same residual."""
    spec, table = family_spec(), family_table()
    before = drawn(spec, table).effects
    rescaled = table.assign(
        search_clicks=table["search_clicks"] / 1000,
        video_frequency=table["video_frequency"] * 10,
        video_reach=table["video_reach"] / 1000,
        price=table["price"] * 7 + 3,
    )
    np.testing.assert_allclose(before.residual, drawn(spec, rescaled).effects.residual, rtol=1e-9)
    money = [column for column in table if column.endswith("_spend")] + ["revenue"]
    cents = drawn(spec, table.assign(**{column: table[column] * 100 for column in money})).effects
    np.testing.assert_allclose(before.residual, cents.residual, rtol=1e-9)


def test_order_of_channels_does_not_matter():
    sites = {
        "alpha": [0.3, 0.6, 0.5],
        "half_saturation": [0.8, 1.2, 1.0],
        "slope": [1.5, 0.9, 1.0],
        "effect": [1.4, 0.7, 0.03],
    }
    channels = dict(reversed(SPEC["media"]["channels"].items()))
    reordered = parse_spec({**SPEC, "media": {**SPEC["media"], "channels": channels}})
    swap = {name: np.array(values)[[1, 0, 2]] for name, values in sites.items()}
    swap["effect_lognormal"], sites["effect_lognormal"] = swap["effect"], sites["effect"]
    before = drawn(parse_spec(SPEC), weekly_table(), **sites).effects
    after = drawn(reordered, weekly_table(), **swap).effects
    np.testing.assert_allclose(before.residual, after.residual)


@pytest.mark.parametrize("few", [True, False])
def test_the_order_of_integration_follows_the_cost(few):
    spec = parse_spec(panel_spec())
    geos = ("n", "s") if few else tuple(f"geo_{i}" for i in range(25))
    data = model_data(weekly_table(weeks=40, geos=geos), spec)
    prepared = prepare(data, spec)
    arrays = prepared.arrays
    assert len(geos) * len(spec.channels) <= data.sizes["week"] or not few
    assert isinstance(arrays.block.level, Spectrum if few else LevelPrior)
    # whichever is taken, the density is the same
    effects = handlers.seed(prepared.model.effects, jax.random.key(3))(arrays)
    other = gaussian_block(
        data["design"].to_numpy(),
        data["observed"].to_numpy(),
        data["design_prior_sd"].to_numpy(),
        varying=few,
    )
    filled = prepare(data, spec, weeks=whole_quarters(data.sizes["week"]))
    assert type(filled.arrays.block.level) is type(arrays.block.level)
    seeded = handlers.seed(filled.model.effects, jax.random.key(3))(filled.arrays)
    assert float(log_likelihood(filled.arrays.block, **seeded.block)) == pytest.approx(
        float(log_likelihood(arrays.block, **effects.block)), rel=1e-11
    )
    assert float(log_likelihood(arrays.block, **effects.block)) == pytest.approx(
        float(log_likelihood(other, **effects.block)), rel=1e-10
    )
