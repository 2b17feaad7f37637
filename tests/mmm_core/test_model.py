"""The model: what its parameters mean, and its density against the full one with nothing integrated out."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats

from mmm_core.data import model_data
from mmm_core.model import Model, model_arrays
from mmm_core.spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

jax.config.update("jax_enable_x64", True)

LOGNORMAL = {"column": "geo", "population": "population", "effects": "lognormal"}
PARAMETERS = {
    "alpha": np.array([0.3, 0.6, 0.5]),
    "half_saturation": np.array([0.8, 1.2, 1.0]),
    "slope": np.array([1.5, 0.9, 1.0]),
    "effect_lognormal": np.array([1.4, 0.7, 0.03]),
    "sigma": np.array(0.6),
    "tau": np.array([0.1]),
}


def effects_of(spec, table, **parameters):
    data = model_data(table, spec)
    model, arrays = Model.of(data, spec), model_arrays(data, spec)
    sampled = {**PARAMETERS, **parameters}
    sampled["effect"] = sampled["effect_lognormal"]
    seeded = handlers.seed(model.effects, jax.random.key(0))
    return data, handlers.substitute(seeded, data=sampled)(arrays)


@pytest.mark.parametrize("geos", [("all",), ("n", "s", "w")])
def test_roi_is_incremental_revenue_over_spend_in_the_window(geos):
    """By the definition, with a double loop and the table's own units."""
    spec = parse_spec(SPEC if len(geos) == 1 else panel_spec(geo=LOGNORMAL))
    table = weekly_table(geos=geos)
    extra = (
        {}
        if len(geos) == 1
        else {
            "geo_spread": np.array([0.4, 0.2, 0.1]),
            "geo_deviation": np.random.default_rng(1).normal(size=(3, 3)),
        }
    )
    data, effects = effects_of(spec, table, **extra)
    population = data["population"].to_numpy()
    for c, name in enumerate(spec.channels):
        exposure = data["exposure"].to_numpy()[..., c] / population[:, None] / float(data["media_scale"][c])
        weights = PARAMETERS["alpha"][c] ** np.arange(5)
        weights /= weights.sum()
        revenue = 0.0
        for g in range(len(geos)):
            for t in range(4, exposure.shape[1]):
                carried = sum(weights[lag] * exposure[g, t - lag] for lag in range(5))
                s, k = PARAMETERS["slope"][c], PARAMETERS["half_saturation"][c]
                response = carried**s / (k**s + carried**s) if carried > 0 else 0.0
                coefficient = float(effects.parameters.coefficient[g, c])
                revenue += coefficient * response * population[g] * float(data["kpi_scale"])
        assert revenue == pytest.approx(float(effects.incremental[c]), rel=1e-9)
        stated = PARAMETERS["effect_lognormal"][c]
        if name == "newsletter":  # a share of revenue
            assert revenue == pytest.approx(stated * float(data["kpi"].sum()), rel=1e-9)
        else:
            spend = float(data["spend"].sel(paid_channel=name, media_week=data["week"].to_numpy()).sum())
            assert revenue == pytest.approx(stated * spend, rel=1e-9)


def test_geo_effects_differ_by_their_spread():
    spec, table = parse_spec(panel_spec(geo=LOGNORMAL)), weekly_table(geos=("n", "s"))
    deviation = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    _, effects = effects_of(spec, table, geo_spread=np.array([0.5, 0.2, 0.2]), geo_deviation=deviation)
    ratio = effects.parameters.coefficient[0] / effects.parameters.coefficient[1]
    np.testing.assert_allclose(ratio, [np.e, 1, 1])


def test_density_is_that_of_the_full_model_integrated_over_level_and_coefficients():
    """p(y) = N(y; media, tau^2 B B' + sigma^2 (I + Z S Z')) in the KPI's own scale, plus the priors."""
    spec, table = parse_spec(SPEC), weekly_table()
    data, effects = effects_of(spec, table)
    model, arrays = Model.of(data, spec), model_arrays(data, spec)
    sites = {site: value for site, value in PARAMETERS.items() if site != "effect_lognormal"}
    sites["effect"] = PARAMETERS["effect_lognormal"]
    ours, _ = log_density(model, (arrays,), {}, sites)

    weeks = data.sizes["week"]
    level = np.tril(np.ones((weeks, weeks)))[:, 1:]
    terms = data["design"].to_numpy()[0] * data["design_prior_sd"].to_numpy()
    sigma, tau = 0.6, 0.1
    covariance = tau**2 * level @ level.T + sigma**2 * (np.eye(weeks) + terms @ terms.T)
    y = data["kpi"].to_numpy()[0] / float(data["kpi_scale"]) - float(data["kpi_centre"][0])
    media = y - np.asarray(effects.residual)[0]
    full = stats.multivariate_normal(media, covariance).logpdf(y)
    full += stats.beta(3, 3).logpdf(PARAMETERS["alpha"]).sum()
    full += stats.lognorm(s=0.7, scale=1).logpdf(PARAMETERS["half_saturation"]).sum()
    full += stats.lognorm(s=0.4, scale=1).logpdf(PARAMETERS["slope"]).sum()
    full += stats.lognorm(s=0.9, scale=np.exp(0.2)).logpdf(PARAMETERS["effect_lognormal"][:2]).sum()
    full += stats.lognorm(s=1.0, scale=np.exp(-4.0)).logpdf(PARAMETERS["effect_lognormal"][2])
    full += stats.halfnorm(scale=1).logpdf(sigma) + stats.halfnorm(scale=0.1).logpdf(tau)
    assert float(ours) == pytest.approx(full, rel=1e-9)


def test_units_do_not_matter():
    """Money in cents, impressions in thousands: the same density up to the priors' own units."""
    spec, table = parse_spec(SPEC), weekly_table()
    rescaled = table.assign(search_clicks=table["search_clicks"] / 1000, price=table["price"] * 7 + 3)
    _, before = effects_of(spec, table)
    _, after = effects_of(spec, rescaled)
    np.testing.assert_allclose(before.residual, after.residual)
    money = table.assign(**{c: table[c] * 100 for c in ("revenue", "tv_spend", "search_spend")})
    _, cents = effects_of(spec, money)
    np.testing.assert_allclose(before.residual, cents.residual)


def test_order_of_channels_does_not_matter():
    reordered = {
        **SPEC,
        "media": {**SPEC["media"], "channels": dict(reversed(SPEC["media"]["channels"].items()))},
    }
    swap = {name: value[[1, 0, 2]] for name, value in PARAMETERS.items() if value.shape == (3,)}
    _, before = effects_of(parse_spec(SPEC), weekly_table())
    _, after = effects_of(parse_spec(reordered), weekly_table(), **swap)
    np.testing.assert_allclose(before.residual, after.residual)


def test_fixed_parameters_are_not_sampled():
    spec = parse_spec(
        {**SPEC, "media": {"channels": {"tv": {"spend": "tv_spend", "saturation": {"slope": 1.0}}}}}
    )
    data = model_data(weekly_table(), spec)
    trace = handlers.trace(handlers.seed(Model.of(data, spec), jax.random.key(0))).get_trace(
        model_arrays(data, spec)
    )
    assert "slope" not in trace
    assert {"alpha", "half_saturation", "effect", "sigma", "tau"} <= set(trace)


def test_extra_terms_enter_the_density():
    """The seam for replayed experiments: a term on the effects, without touching the model."""
    spec, data = parse_spec(SPEC), model_data(weekly_table(), parse_spec(SPEC))
    arrays = model_arrays(data, spec)
    plain = Model.of(data, spec)
    tested = replace(plain, extra_terms=(lambda effects, arrays: -jnp.sum(effects.incremental) / 1e4,))
    sites = {**PARAMETERS, "effect": PARAMETERS["effect_lognormal"]}
    del sites["effect_lognormal"]
    _, effects = effects_of(spec, weekly_table())
    difference = log_density(tested, (arrays,), {}, sites)[0] - log_density(plain, (arrays,), {}, sites)[0]
    assert float(difference) == pytest.approx(-float(effects.incremental.sum()) / 1e4)
