"""Posterior variables from draws of what is sampled: units, order, centring, and ROI as a counterfactual."""

import jax
import numpy as np
import pytest

from mmm_core.data.quarters import whole_quarters
from mmm_core.inference import variables as module
from mmm_core.inference.variables import posterior_variables, variables_program
from mmm_core.model.media import MediaParameters
from mmm_core.model.prepare import prepare
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS
from tests.mmm_core.definitions import Drawn, drawn, family_spec, family_table, media_terms, scaled_kpi

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

GEOS = ("n", "s", "w")
PANEL = {"column": "geo", "population": "population"}
PROMO = {"column": "promotion", "baseline": "zero", "prior": {"coefficient": {"normal": [0, 1]}}}
SALE = {"column": "order_value", "prior": {"coefficient": {"normal": [0, 1]}}}
PRICE = {"column": "price", "baseline": "mean"}

VARIANTS = {
    "level": {
        "kpi": {"column": "orders", "revenue_per_unit": "order_value"},
        "channels": {"tv": {"time_varying": {"every": 9, "spread": 0.5}}},
        "baseline": {"slope": "random_walk"},
    },
    "log": {"kpi": {"column": "revenue", "scale": "log"}},
    "panel": {"geo": PANEL, "likelihood": "student_t", "media": {"pooling": {"by": "group"}}},
    "log panel": {"geo": {**PANEL, "effects": "lognormal"}, "kpi": {"column": "revenue", "scale": "log"}},
}
CHAINS, DRAWS = 2, 3


def sites_of(one, seed):
    """Sites of the same model that differ a little in every draw, so that one taken for another is seen."""
    rng = np.random.default_rng(seed)
    lead = (CHAINS, DRAWS)
    return {
        name: np.asarray(value) * np.exp(0.1 * rng.normal(size=(*lead, *np.shape(value))))
        if name != "alpha"
        else np.broadcast_to(value, (*lead, *np.shape(value))) * rng.uniform(0.8, 1.0, (*lead, 1))
        for name, value in one.sites.items()
    }


def variables_of(one: Drawn, positions, seed=0):
    return posterior_variables(one.prepared, positions, lambda position: position, seed)


@pytest.fixture(scope="module", params=VARIANTS)
def case(request):
    changes = dict(VARIANTS[request.param])
    groups = {name: {"group": "both"} for name in ("tv", "search")} if "media" in changes else {}
    channels = {
        name: {**groups.get(name, {}), **changes.get("channels", {}).get(name, {})}
        for name in ("tv", "search")
    }
    changes.pop("channels", None)
    treatments = {"promo": PROMO, "price": PRICE, "sale": SALE}
    spec = family_spec(channels, controls=[], treatments=treatments, **changes)
    one = drawn(spec, family_table(geos=GEOS if "geo" in changes else ("all",)), sigma=0.2)
    positions = sites_of(one, seed=4)
    return one, positions, variables_of(one, positions)


def at(variables, chain, draw):
    return {name: values[chain, draw] for name, (_, values) in variables.items()}


def test_names_and_dimensions_are_those_of_the_schema(case):
    one, _, variables = case
    sizes = {**one.data.sizes, "group": 1}
    expected = set(POSTERIOR_DIMS) | set(one.spec.shape_parameters)
    expected |= {"geo_spread"} if one.model.pooled else set()
    expected |= {"nu", "correlation"} if one.spec.student_t else set()
    expected |= (
        {"multiplier", "multiplier_spread", "tau_slope", "slope_path"}
        if "multiplier_spread" in one.model.priors
        else set()
    )
    assert set(variables) == expected
    for name, (dims, values) in variables.items():
        assert dims == {**POSTERIOR_DIMS, **OPTIONAL_DIMS}.get(name, ("channel",))
        assert values.shape == (CHAINS, DRAWS, *(sizes[dim] for dim in dims))


def test_draws_keep_their_place(case):
    one, positions, variables = case
    np.testing.assert_allclose(variables["sigma"][1], positions["sigma"], rtol=1e-12)
    np.testing.assert_allclose(variables["tau"][1], positions["tau"][..., 0], rtol=1e-12)
    has = [one.spec.channels.index(channel) for channel in one.spec.shape_parameters["alpha"]]
    np.testing.assert_allclose(variables["alpha"][1][..., has], positions["alpha"], rtol=1e-12)


def test_sampled_treatments_stand_in_their_own_terms(case):
    """Between the terms that are integrated out: the price stands between the two."""
    one, positions, variables = case
    terms = [str(term) for term in one.data["term"].to_numpy()]
    fixed = variables["fixed_effect"][1]
    for position, name in enumerate(("promo", "sale")):
        for geo in range(one.data.sizes["geo"]):
            np.testing.assert_allclose(
                fixed[..., geo, terms.index(name)], positions["treatment"][..., position], rtol=1e-12
            )
    assert fixed[..., terms.index("price")].std() > 0


def parameters_of(one, values):
    shape = {name: values[name] for name in one.spec.shape_parameters}
    return MediaParameters(shape, values["coefficient"], values.get("multiplier"))


def baseline(one, values):
    return values["level"] + np.einsum("gtk,gk->gt", one.data["design"].to_numpy(), values["fixed_effect"])


def test_the_intercept_of_each_geo_holds_the_height_of_the_level(case):
    """The level has mean 0, and what no week's noise explains is nowhere else."""
    one, _, variables = case
    np.testing.assert_allclose(variables["level"][1].mean(-1), 0, atol=1e-9)
    values = at(variables, 1, 1)
    media = media_terms(one.spec, one.data, parameters_of(one, values)).sum(0)
    centre = one.data["kpi_centre"].to_numpy()[:, None]
    left = scaled_kpi(one.spec, one.data) + centre - baseline(one, values) - media
    assert (np.abs(left.mean(1)) < 0.2).all()
    assert (np.abs(centre) > 5).all()


def test_roi_is_the_outcome_with_a_channel_less_that_without_it(case):
    """In revenue over the window, at the posterior's own variables, by the definition."""
    one, _, variables = case
    spec, data = one.spec, one.data
    population, revenue = data["population"].to_numpy()[:, None], data["revenue_per_kpi"].to_numpy()
    spend = data["spend"].to_numpy()[:, -data.sizes["week"] :].sum((0, 1))
    scale = float(data["kpi_scale"])
    for chain, draw in ((0, 0), (1, 2)):
        values = at(variables, chain, draw)
        terms, base = media_terms(spec, data, parameters_of(one, values)), baseline(one, values)

        def expected_kpi(media, base=base, sigma=values["sigma"]):
            if spec.kpi.scale == "log":  # the mean of a log-normal
                return population * np.exp(scale * (base + media) + (scale * sigma) ** 2 / 2)
            return population * scale * (base + media)

        for c, name in enumerate(spec.paid):
            without = np.delete(terms, c, axis=0).sum(0)
            lost = ((expected_kpi(terms.sum(0)) - expected_kpi(without)) * revenue).sum()
            assert values["roi"][c] == pytest.approx(lost / spend[c], rel=1e-8), name


def test_deviations_of_geos_are_in_the_coefficients():
    spec = family_spec(geo=PANEL)
    one = drawn(spec, family_table(geos=GEOS))
    variables = variables_of(one, sites_of(one, seed=1))
    coefficient = variables["coefficient"][1]
    assert (coefficient[..., 0, :] != coefficient[..., 1, :]).all()
    # of no spread, none
    still = {**sites_of(one, seed=1)}
    still["geo_spread"] = 0 * still["geo_spread"]
    coefficient = variables_of(one, still)["coefficient"][1]
    np.testing.assert_allclose(coefficient[..., 0, :], coefficient[..., 1, :], rtol=1e-12)


def test_a_model_without_noise_predicts_every_week():
    """A level that moves freely and hardly any noise: level + terms + media are the KPI, in the table's units."""
    treatments = {"promo": PROMO, "price": PRICE, "sale": SALE}
    spec = family_spec(
        controls=[], treatments=treatments, kpi={"column": "orders", "revenue_per_unit": "order_value"}
    )
    one = drawn(spec, family_table(), sigma=1e-5, tau=[1.0])
    lead = {name: np.broadcast_to(value, (1, 2, *np.shape(value))) for name, value in one.sites.items()}
    values = at(variables_of(one, lead), 0, 1)
    media = media_terms(spec, one.data, one.effects.parameters).sum(0)
    predicted = (baseline(one, values) + media) * float(one.data["kpi_scale"])
    # the first week's level is the intercept, whose prior is as tight as the noise here
    np.testing.assert_allclose(predicted[:, 1:], one.data["kpi"].to_numpy()[:, 1:], rtol=1e-5)


def test_weeks_that_fill_the_arrays_up_change_no_distribution(case):
    """Of the integrated block, and of what follows from it: the same mean and spread in the table's own weeks."""
    one, _, _ = case
    weeks = one.data.sizes["week"]
    filled = prepare(one.data, one.spec, weeks=whole_quarters(weeks))
    assert weeks < len(filled.arrays.modelled) == 65
    draws, count = {}, 1500
    for which, prepared in (("exact", one.prepared), ("filled", filled)):
        sites = dict(one.sites)
        if "multiplier_knot" in sites:
            used = (prepared.arrays.knots != 0).any(axis=(0, 1))
            heights = np.zeros(len(used))
            heights[used] = sites["multiplier_knot"]
            sites["multiplier_knot"] = heights
        if "noise_weight" in sites:
            more = len(prepared.arrays.modelled) - weeks
            sites["noise_weight"] = np.pad(sites["noise_weight"], ((0, 0), (0, more)), constant_values=2.0)
        repeated = {name: np.broadcast_to(v, (1, count, *np.shape(v))) for name, v in sites.items()}
        draws[which] = posterior_variables(prepared, repeated, lambda position: position, seed=len(which))
    for name, (dims, exact) in draws["exact"].items():
        assert draws["filled"][name][0] == dims
        exact, other = exact[0], draws["filled"][name][1][0]
        assert exact.shape == other.shape, name
        spread = exact.std(axis=0)
        np.testing.assert_allclose(
            other.mean(axis=0), exact.mean(axis=0), atol=5 * spread.max(initial=0) * (2 / count) ** 0.5 + 1e-9,
            err_msg=name,
        )  # fmt: skip
        np.testing.assert_allclose(other.std(axis=0), spread, rtol=0.2, atol=1e-9, err_msg=name)


def test_chunks_change_no_draw(monkeypatch):
    """Six draws in chunks of four and two: the last is filled up and cut."""
    one = drawn(family_spec(), family_table())
    positions = sites_of(one, seed=2)
    whole = variables_of(one, positions)
    first = {name: values[0, 0] for name, values in positions.items()}
    per_draw = one.arrays.media.lagged.size + one.arrays.media.raw.size
    monkeypatch.setattr(module, "CHUNK_NUMBERS", 4 * per_draw)
    program = variables_program(one.prepared, lambda position: position, first)
    assert program.chunk == 4
    parts = posterior_variables(
        one.prepared, {n: v.reshape(1, 6, *v.shape[2:]) for n, v in positions.items()},
        lambda position: position, 0, program,
    )  # fmt: skip
    for name, (_, values) in whole.items():
        np.testing.assert_allclose(
            parts[name][1].reshape(values.shape), values, rtol=1e-10, atol=1e-10, err_msg=name
        )
