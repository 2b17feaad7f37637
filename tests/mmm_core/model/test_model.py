"""The model: what its parameters mean, and its density against the full one with nothing integrated out."""

from dataclasses import dataclass, replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats
from scipy.linalg import block_diag

from mmm_core.data.arrays import model_data
from mmm_core.data.quarters import whole_quarters
from mmm_core.errors import InputError
from mmm_core.model.beliefs import effect_beliefs
from mmm_core.model.gaussian_block import log_likelihood
from mmm_core.model.media import MediaLayout, MediaModel, saturated_media
from mmm_core.model.model import LikelihoodTerm, Model
from mmm_core.model.prepare import knot_basis, prepare
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.definitions import (
    compiled,
    drawn,
    family_spec,
    family_table,
    media_terms,
    outcome_of,
    response,
    scaled_kpi,
)
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

GEOS = ("n", "s", "w")
PANEL = {"column": "geo", "population": "population"}
TIME_VARYING = {"tv": {"time_varying": {"every": 9, "spread": 0.5}}, "press": {"time_varying": {"every": 20}}}
PROMOTION = {"column": "promotion", "baseline": "zero"}

PROMOTED = {"promo": {**PROMOTION, "prior": {"contribution": {"normal": [0.02, 0.1]}}}}
LOG = {"column": "revenue", "scale": "log"}

# Between them, every part of the family.
VARIANTS = {
    "national": {
        "kpi": {"column": "orders", "revenue_per_unit": "order_value"},
        "channels": TIME_VARYING,
        "treatments": PROMOTED,
        "baseline": {"slope": "random_walk"},
    },
    "log": {"kpi": LOG},
    "complete": {"geo": {**PANEL, "pooling": "complete"}, "baseline": {"level": "constant"}},
    "none": {"geo": {**PANEL, "pooling": "none"}},
    "none_log": {"geo": {**PANEL, "pooling": "none"}, "kpi": LOG, "baseline": {"level": "linear"}},
    "normal": {"geo": PANEL},
    "normal_student": {"geo": PANEL, "likelihood": {"kind": "student_t", "nu": {"gamma": [4, 1]}}},
    "lognormal_log": {"geo": {**PANEL, "effects": "lognormal"}, "kpi": LOG, "channels": TIME_VARYING},
    "student": {"likelihood": "student_t", "treatments": PROMOTED},
}
KINDS = {"tv": "roi", "search": "mroi", "radio": "contribution", "video": "mroi", "press": "coefficient"}


@cache
def variant(name):
    """A model with every kind of media and of prior, the last three weeks held out; compiled once for the tests."""
    changes = dict(VARIANTS[name])
    extra = changes.pop("channels", {})
    channels = {
        channel: {"prior": {kind: {"lognormal": [0.0, 0.5]}}, **extra.get(channel, {})}
        for channel, kind in KINDS.items()
    }
    spec = family_spec(channels=channels, **changes)
    one = drawn(spec, family_table(geos=GEOS if "geo" in changes else ("all",)), holdout_weeks=3)
    _ = one.density
    return one


def window(data):
    """Spend (geo, channel) and outcome (geo,) of the modelled weeks, the outcome from those observed."""
    spend = data["spend"].to_numpy()[:, -data.sizes["week"] :].sum(1)
    spend = np.pad(spend, ((0, 0), (0, data.sizes["channel"] - spend.shape[1])))
    outcome = (data["kpi"] * data["revenue_per_kpi"]).where(data["observed"]).mean("week")
    return spend, outcome.to_numpy() * data.sizes["week"]


@pytest.mark.parametrize("name", VARIANTS)
def test_stated_effects_are_what_a_counterfactual_gives(name):
    one = variant(name)
    spec, data, parameters = one.spec, one.data, one.effects.parameters
    terms, more = (media_terms(spec, data, parameters, times) for times in (1.0, 1.01))
    brought, bumped = (
        outcome_of(spec, data, terms).T,
        outcome_of(spec, data, more - terms).T,
    )  # (geo, channel)
    np.testing.assert_allclose(one.effects.incremental, brought.sum(0), rtol=1e-9)
    spend, outcome = window(data)
    stated = one.sites["effect"]
    if name.startswith("none"):  # every geo by itself
        assert stated.shape == (3, 6)
        outcome = outcome[:, None]
    else:
        assert stated.shape == (1, 6)
        brought, bumped, spend = (x.sum(0, keepdims=True) for x in (brought, bumped, spend))
        outcome = outcome.sum()
    tv, search, radio, video, press, newsletter = range(6)
    np.testing.assert_allclose(brought[:, tv] / spend[:, tv], stated[:, tv], rtol=1e-9)
    for c in (search, video):
        np.testing.assert_allclose(bumped[:, c] / (0.01 * spend[:, c]), stated[:, c], rtol=1e-9)
    for c in (radio, newsletter):
        np.testing.assert_allclose((brought / outcome)[:, c], stated[:, c], rtol=1e-9)
    relative = (
        np.exp((one.sites["geo_spread"] * one.sites["geo_deviation"])[:, press])
        if name == "lognormal_log"
        else 1
    )
    expected = np.broadcast_to(stated[:, press] * relative, one.data.sizes["geo"])
    np.testing.assert_allclose(parameters.coefficient[:, press], expected, rtol=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_residual_is_the_kpi_less_media_and_treatments(name):
    one = variant(name)
    expected = scaled_kpi(one.spec, one.data) - media_terms(one.spec, one.data, one.effects.parameters).sum(0)
    if one.spec.treatments:
        promotion = family_table()["promotion"].to_numpy()[-one.data.sizes["week"] :]
        expected = expected - float(one.effects.treatment[0]) * promotion / promotion.std()
    seen = one.data["observed"].to_numpy()
    np.testing.assert_allclose(np.asarray(one.effects.residual)[seen], expected[seen], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_density_is_that_of_the_full_model_with_its_gaussian_part_integrated(name):
    """p(y) is the normal with everything Gaussian in its covariance; the priors are SciPy's."""
    one = variant(name)
    assert one.density[0] == pytest.approx(full_density(one), rel=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_site_has_a_finite_gradient_and_matters(name):
    one = variant(name)
    for site, slope in one.density[1].items():
        assert np.isfinite(slope).all(), site
        assert (slope != 0).mean() > 0.9, site


def with_room(one):
    """The same draw in arrays of whole quarters; what is sampled for the weeks that fill them up is drawn at random.

    Returns:
        The draw, and the log density of what was added.
    """
    weeks = one.data.sizes["week"]
    prepared = prepare(one.data, one.spec, weeks=whole_quarters(weeks))
    sites, rng, added = dict(one.sites), np.random.default_rng(5), 0.0
    if "noise_weight" in sites:
        nu = sites["nu"][0] if "nu" in sites else 4.0
        shape = (one.data.sizes["geo"], whole_quarters(weeks) - weeks)
        more = rng.gamma(nu / 2, 2 / nu, shape)
        added += stats.gamma(nu / 2, scale=2 / nu).logpdf(more).sum()
        sites["noise_weight"] = np.concatenate([sites["noise_weight"], more], axis=1)
    if "multiplier_knot" in sites:
        known, basis = one.arrays.knots, prepared.arrays.knots
        used = (basis != 0).any(axis=(0, 1))
        assert used.sum() == known.shape[-1] < len(used)
        heights = rng.standard_normal(len(used))
        added += stats.norm.logpdf(heights[~used]).sum()
        heights[used] = sites["multiplier_knot"]
        sites["multiplier_knot"] = heights
    return replace(one, prepared=prepared, sites=sites), added


@pytest.mark.parametrize("name", VARIANTS)
def test_weeks_that_fill_the_arrays_up_change_no_density(name):
    one = variant(name)
    filled, added = with_room(one)
    assert filled.arrays.kpi.shape[1] == 65
    assert filled.density[0] - added == pytest.approx(one.density[0], rel=1e-11)
    np.testing.assert_allclose(filled.effects.incremental, one.effects.incremental, rtol=1e-11)
    for site, slope in one.density[1].items():
        if site not in ("noise_weight", "multiplier_knot", "nu"):
            np.testing.assert_allclose(filled.density[1][site], slope, rtol=1e-7, atol=1e-8, err_msg=site)


def full_density(one):
    spec, data, effects, sites = one.spec, one.data, one.effects, one.sites
    geos, weeks = data.sizes["geo"], data.sizes["week"]
    sigma = float(sites["sigma"])
    kept = [i for i, term in enumerate(data["term"].to_numpy()) if str(term) not in spec.sampled_treatments]
    design = data["design"].to_numpy()[..., kept] * data["design_prior_sd"].to_numpy()[kept] * sigma
    accumulate = np.tril(np.ones((weeks, weeks)))[:, 1:]
    tau = float(sites["tau"][0]) if "tau" in sites else 0.0
    loadings = [np.tile(tau * accumulate, (geos, 1)), block_diag(*design)]
    if "tau_slope" in sites:
        slopes = accumulate @ np.tril(np.ones((weeks - 1, weeks - 1)))
        loadings.append(np.tile(float(sites["tau_slope"][0]) * slopes, (geos, 1)))
    if "geo_spread" in sites and "geo_deviation" not in sites:
        mean = np.asarray(effects.parameters.coefficient)[0]
        columns = response(spec, data, effects.parameters.shape) * (sites["geo_spread"] * mean)[:, None, None]
        loadings.append(block_diag(*columns.transpose(1, 2, 0)))
    loading = np.hstack(loadings)
    weight = sites.get("noise_weight", np.ones((geos, weeks)))
    covariance = loading @ loading.T + np.diag(sigma**2 / weight.ravel())
    y = scaled_kpi(spec, data) - media_terms(spec, data, effects.parameters).sum(0)
    if "treatment" in sites:
        y = y - float(effects.treatment[0]) * data["design"].sel(term="promo").to_numpy()
    seen = data["observed"].to_numpy().ravel()
    density = stats.multivariate_normal(np.zeros(seen.sum()), covariance[seen][:, seen]).logpdf(
        y.ravel()[seen]
    )
    return density + prior_density(one)


def prior_density(one):
    sites = one.sites
    total = stats.halfnorm.logpdf(sites["sigma"])
    for name, stated in one.model.priors.items():
        families = {prior.family for prior in stated}
        for family in families - {"fixed"}:
            own = [prior.frozen() for prior in stated if prior.family == family]
            values = np.atleast_2d(sites[name if len(families) == 1 else f"{name}_{family}"])
            total += sum(prior.logpdf(x) for row in values for prior, x in zip(own, row, strict=True))
    for name in ("multiplier_knot", "geo_deviation"):
        total += stats.norm.logpdf(sites.get(name, np.zeros(0))).sum()
    if "noise_weight" in sites:
        nu = sites["nu"][0] if "nu" in sites else 4.0
        total += stats.gamma(nu / 2, scale=2 / nu).logpdf(sites["noise_weight"]).sum()
    return total


@pytest.mark.parametrize("name", ["national", "normal_student", "lognormal_log"])
def test_draws_of_the_prior_have_finite_effects(name):
    one = variant(name)
    draws = compiled(jax.vmap(lambda key: handlers.seed(one.model.effects, key)(one.arrays)))(
        jax.random.split(jax.random.key(0), 8)
    )
    assert np.isfinite(draws.residual).all()
    assert len(np.unique(draws.incremental[:, 0])) == 8


def test_geo_effects_differ_by_their_spread():
    spec = parse_spec(panel_spec(geo={**PANEL, "effects": "lognormal"}))
    deviation = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    table = weekly_table(geos=("n", "s"))
    effects = drawn(spec, table, geo_spread=[0.5, 0.2, 0.2], geo_deviation=deviation).effects
    ratio = effects.parameters.coefficient[0] / effects.parameters.coefficient[1]
    np.testing.assert_allclose(ratio, [np.e, 1, 1])


def test_a_geo_without_media_of_a_channel_has_no_effect_of_it():
    """Each of the others keeps its own ROI, and the gradient stays finite."""
    table = family_table(geos=GEOS)
    table.loc[table["geo"] == "s", ["tv_spend", "search_spend", "search_clicks"]] = 0.0
    one = drawn(variant("none").spec, table)
    assert all(np.isfinite(slope).all() for slope in one.density[1].values())
    assert (np.asarray(one.effects.parameters.coefficient)[1, :2] == 0).all()
    brought = outcome_of(one.spec, one.data, media_terms(one.spec, one.data, one.effects.parameters))[0]
    roi = one.sites["effect"][:, 0] * [1, 0, 1]
    np.testing.assert_allclose(brought, roi * window(one.data)[0][:, 0], rtol=1e-9)


def test_normal_geo_effects_have_the_stated_mean_and_a_spread_relative_to_it():
    one = variant("normal")
    mean = np.asarray(one.effects.parameters.coefficient)
    assert (mean == mean[0]).all()
    np.testing.assert_allclose(one.effects.deviations.sd, one.sites["geo_spread"] * mean[0], rtol=1e-12)
    np.testing.assert_array_equal(one.effects.deviations.columns, np.moveaxis(one.effects.response, 0, 1))


def test_total_share_is_the_prior_of_all_media_together():
    """Independent ROIs with this prior sum to a share of the outcome with the stated mean and sd."""
    share = {"total_share": {"mean": 0.35, "sd": 0.15}}
    channels = {name: {"prior": share} for name in KINDS}
    spec = family_spec(channels=channels, kpi={"column": "orders", "kind": "non_revenue"})
    data = model_data(family_table(), spec)
    beliefs = effect_beliefs(spec, data)[:5]
    assert {belief.kind for belief in beliefs} == {"roi"}
    spend, outcome = window(data)
    roi = [belief.prior.frozen() for belief in beliefs]
    mean = sum(prior.mean() * x for prior, x in zip(roi, spend[0], strict=False)) / outcome[0]
    variance = sum(prior.var() * x**2 for prior, x in zip(roi, spend[0], strict=False)) / outcome[0] ** 2
    assert mean == pytest.approx(0.35)
    assert variance**0.5 == pytest.approx(0.15)


def grouped_spec(**changes):
    """Two groups of two, one channel alone, one with a group of its own, one organic."""
    channels = {
        "tv": {"group": "broad", "prior": {"roi": {"lognormal": [0.2, 0.9]}}},
        "search": {"group": "online", "prior": {"roi": {"lognormal": [0.6, 0.4]}}},
        "radio": {"group": "broad", "prior": {"contribution": {"lognormal": [-3.0, 0.5]}}},
        "video": {"group": "online", "prior": {"mroi": {"lognormal": [0.0, 1.2]}}},
        "press": {"group": "print", "prior": {"coefficient": {"lognormal": [-1.0, 0.3]}}},
    }
    return family_spec(channels, media={"pooling": {"by": "group", "correlation": 0.6}}, **changes)


@pytest.mark.parametrize("geo", [{}, {"geo": {**PANEL, "pooling": "none"}}])
def test_groups_correlate_channels_and_keep_the_prior_of_each(geo):
    spec = grouped_spec(**geo)
    one = drawn(spec, family_table(geos=GEOS if geo else ("all",)))
    model, arrays = one.model, one.arrays
    keys = jax.random.split(jax.random.key(3), 4000)
    effect, correlation = compiled(jax.vmap(lambda key: handlers.seed(model.stated_effects, key)(arrays)))(
        keys
    )
    assert effect.shape == (4000, 3 if geo else 1, 6)
    np.testing.assert_allclose(correlation, 0.6)
    logs = np.log(np.asarray(effect)[:, 0])
    for c, belief in enumerate(model.beliefs):
        assert stats.kstest(logs[:, c], stats.norm(*belief.prior.parameters).cdf).pvalue > 0.01
    expected = np.eye(6)
    for i, j in ((0, 2), (1, 3)):
        expected[i, j] = expected[j, i] = 0.6
    np.testing.assert_allclose(np.corrcoef(logs.T), expected, atol=0.06)


def test_time_varying_multipliers_average_one_and_spread_as_stated():
    one = variant("national")
    spec, multiplier = one.spec, np.asarray(one.effects.parameters.multiplier)
    np.testing.assert_allclose(multiplier.mean(0), 1.0)
    varying = [spec.channels.index(name) for name in TIME_VARYING]
    assert (multiplier[:, varying].std(0) > 0.01).all()
    assert (np.delete(multiplier, varying, axis=1) == 1).all()
    # weeks 0..53 at knots every 9 and every 20 weeks: 7 and 4 knots, none shared
    assert one.sites["multiplier_knot"].shape == (11,)
    basis = knot_basis(54, spec)
    assert (basis[0, :, 7:] == 0).all()
    assert (basis[1, :, :7] == 0).all()
    np.testing.assert_allclose((basis**2).sum(-1), 1.0)
    # a knot is the largest in its own week
    np.testing.assert_array_equal(basis[0][::9].argmax(1), range(6))
    np.testing.assert_array_equal(basis[1][::20].argmax(1), [7, 8, 9])
    # before it is centred the logarithm is the basis times the spread, as a double loop has it
    for c, position in enumerate(varying):
        drift = np.log(multiplier[:, position])
        height = basis[c] @ one.sites["multiplier_knot"]
        slope = np.cov(drift, height)[0, 1] / height.var(ddof=1)
        assert slope == pytest.approx([0.5, float(one.sites["multiplier_spread_halfnormal"][0])][c])


@pytest.mark.parametrize("baseline", ["zero", "max", 1.0])
def test_a_treatment_brings_the_stated_share(baseline):
    treatment = {"column": "promotion", "baseline": baseline, "prior": {"contribution": 0.06}}
    table = family_table()
    if baseline == 1.0:
        table["promotion"] += 0.8
    one = drawn(parse_spec({**SPEC, "treatments": {"promo": treatment}}), table)
    reference = {"zero": 0.0, "max": 3.0, 1.0: 1.0}[baseline]
    column = table["promotion"].to_numpy()[-one.data.sizes["week"] :]
    per_unit = float(one.effects.treatment[0]) / column.std() * float(one.data["kpi_scale"])
    assert (per_unit * (column - reference)).sum() == pytest.approx(0.06 * float(one.data["kpi"].sum()))


def test_a_treatments_coefficient_is_in_standard_deviations():
    treatment = {**PROMOTION, "prior": {"coefficient": {"normal": [0, 1]}}}
    spec = parse_spec({**SPEC, "treatments": {"promo": treatment}})
    assert drawn(spec, family_table(), treatment=[-0.7]).effects.treatment.tolist() == [-0.7]


def test_a_share_of_a_treatment_that_cancels_itself_is_refused():
    treatment = {**PROMOTION, "baseline": "mean", "prior": {"contribution": {"normal": [0, 0.1]}}}
    with pytest.raises(InputError, match="treatment promo: weeks above its baseline value cancel"):
        drawn(parse_spec({**SPEC, "treatments": {"promo": treatment}}), family_table())


def test_density_of_groups_is_a_multivariate_normal():
    """The standardised logarithms of the effects, so that the likelihood moves with them alone."""
    one = drawn(grouped_spec(), family_table())
    moved = one.at(effect_grouped=one.sites["effect_grouped"] + [[0.3, -0.2, 0.5, 0.1]])
    same = np.array([[1, 0, 0.6, 0], [0, 1, 0, 0.6], [0.6, 0, 1, 0], [0, 0.6, 0, 1]])
    normal = stats.multivariate_normal(np.zeros(4), same)

    def rest(one):
        _ = one.density
        block = one.effects.block
        prior = normal.logpdf(one.sites["effect_grouped"][0])
        return one.density[0] - prior - float(compiled(log_likelihood)(one.arrays.block, **block))

    assert rest(moved) == pytest.approx(rest(one), rel=1e-9)
    effect = compiled(lambda sites: handlers.substitute(one.model.stated_effects, data=sites)(one.arrays)[0])(
        one.sites
    )
    z = one.sites["effect_grouped"][0]
    np.testing.assert_allclose(
        effect[0, :4], np.exp([0.2 + 0.9 * z[0], 0.6 + 0.4 * z[1], -3.0 + 0.5 * z[2], 1.2 * z[3]])
    )


def test_weights_make_the_noise_student_t():
    """Integrated over its weight, a week's noise is Student-t with the stated degrees of freedom."""
    one = drawn(parse_spec({**SPEC, "likelihood": {"kind": "student_t", "nu": 5.0}}), weekly_table())
    assert float(one.effects.nu) == 5.0
    weight = stats.gamma(2.5, scale=1 / 2.5)
    drawn_weights, _ = handlers.seed(one.model.noise_weights, jax.random.key(0))(one.arrays)
    assert stats.kstest(np.asarray(drawn_weights).ravel(), weight.cdf).pvalue > 0.01
    grid = np.linspace(1e-4, 12, 40_000)
    mixture = np.trapezoid(stats.norm.pdf(1.7, scale=1 / np.sqrt(grid)) * weight.pdf(grid), grid)
    assert mixture == pytest.approx(stats.t(5).pdf(1.7), rel=1e-5)


def test_fixed_parameters_are_not_sampled():
    channels = {"tv": {"spend": "tv_spend", "saturation": {"slope": 1.0}}}
    one = drawn(parse_spec({**SPEC, "media": {"channels": channels}}), weekly_table())
    assert set(one.sites) == {"alpha", "half_saturation", "effect", "sigma", "tau"}
    assert one.effects.parameters.shape["slope"].tolist() == [1.0]


def test_models_that_differ_in_numbers_alone_share_their_programs():
    def model(seed=0, **changes):
        spec = family_spec(**changes)
        return Model.of(model_data(family_table(seed=seed), spec), spec)

    share = {"prior": {"total_share": {}}}
    plain = model(channels={"tv": share})
    same = [
        model(seed=5, channels={"tv": share}),
        model(channels={"tv": {"prior": {"roi": {"lognormal": [0.9, 0.1]}}}}, fit={"seed": 3}),
        model(channels={"tv": share}, budget={"weeks": 4}),
    ]
    assert all(other == plain and hash(other) == hash(plain) for other in same)
    different = [
        model(channels={"tv": {"prior": {"roi": {"halfnormal": [1.0]}}}}),
        model(channels={"tv": {"prior": {"mroi": {"lognormal": [0.2, 0.9]}}}}),
        model(channels={"tv": {**share, "adstock": {"kind": "geometric", "l_max": 6}}}),
        model(channels={"tv": {**share, "time_varying": {}}}),
        model(channels={"tv": share}, baseline={"level": "constant"}),
        model(channels={"tv": share}, baseline={"slope": "random_walk"}),
        model(channels={"tv": share}, likelihood="student_t"),
        replace(plain, extra_terms=(lambda effects, arrays, numbers: effects.sigma,)),
    ]
    assert all(other != plain for other in different)


@dataclass(frozen=True)
class LiftTest:
    """An experiment in one geo: density of the outcome it measured, given what the model says it would have been."""

    layout: MediaLayout
    geo: int

    def __call__(self, effects, arrays, numbers):
        media, measured, error = numbers
        without = saturated_media(self.layout, media, effects.parameters.shape)
        lost = (effects.response - without) * effects.parameters.coefficient.T[:, :, None]
        brought = jnp.sum(lost[:, self.geo] * arrays.outcome_value[self.geo])
        return -0.5 * ((brought - measured) / error) ** 2


@pytest.mark.parametrize("effects_of_geos", ["normal", "lognormal"])
def test_a_replayed_experiment_in_one_geo_enters_the_density(effects_of_geos):
    """Four weeks of half the media in the south. The term sees the geo's own effects where they are sampled, and their
    mean where they are integrated out."""
    spec = parse_spec(panel_spec(geo={**PANEL, "effects": effects_of_geos}))
    one = drawn(spec, weekly_table(geos=GEOS))
    halved = one.data["exposure"].copy()
    halved[1, -12:-8] *= 0.5
    media = MediaModel.of(one.data, spec).inputs(halved.to_numpy(), window=one.data.sizes["week"])
    traced = []

    @compiled
    def program(arrays, sites):
        traced.append(1)
        return log_density(model, (arrays,), {}, sites)[0]

    terms = media_terms(spec, one.data, one.effects.parameters)
    without = media_terms(spec, one.data.assign(exposure=halved), one.effects.parameters)
    lost = outcome_of(spec, one.data, terms - without)
    assert (lost[:, [0, 2]] == 0).all()
    for measured in (500.0, 700.0):  # another result is another number of the same program
        term = LikelihoodTerm("south", LiftTest(one.model.layout, 1), (media, measured, 80.0))
        tested = prepare(one.data, spec, [term])
        model = tested.model
        density = program(tested.arrays, one.sites)
        expected = -0.5 * ((lost[:, 1].sum() - measured) / 80.0) ** 2
        assert float(density) - one.density[0] == pytest.approx(expected, rel=1e-9)
    assert len(traced) == 1
    coefficient = np.asarray(one.effects.parameters.coefficient)
    assert (coefficient == coefficient[0]).all() == (effects_of_geos == "normal")


def test_the_first_order_outcome_of_a_log_model_is_at_the_kpi_as_it_was():
    """Where nothing was observed, at the geo's mean week."""
    one = variant("log")
    kpi = one.data["kpi"].to_numpy()[0].copy()
    kpi[-3:] = kpi[:-3].mean()
    np.testing.assert_allclose(one.arrays.outcome_value[0], kpi * float(one.data["kpi_scale"]))
