"""Dependence on priors: log densities against NumPyro's own, and in words."""

import sys

import jax
import numpy as np
import pytest
import xarray as xr
from numpyro import handlers

from mmm_core.data.arrays import model_data
from mmm_core.diagnostics.sensitivity import (
    GROUPS,
    LIKELIHOOD,
    OWN,
    log_prior,
    sensitivity,
)
from mmm_core.errors import InputError
from mmm_core.forecast.predictive import prior_predictive
from mmm_core.model.prepare import prepare
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import parse_spec
from mmm_core.transforms.adstock import ADSTOCKS
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def channels(**changes):
    """SPEC with some of the paid channels' keys changed."""
    media = SPEC["media"]
    new = {name: {**body, **changes.get(name, {})} for name, body in media["channels"].items()}
    return {**media, "channels": new}


FAMILY = {
    "roi": {},
    "mroi and coefficient": {
        "media": channels(
            tv={"prior": {"mroi": {"lognormal": [0, 0.5]}}},
            search={"prior": {"coefficient": {"halfnormal": [1.0]}}},
        )
    },
    "share, other shapes": {
        "media": channels(
            tv={"adstock": {"kind": "weibull_pdf", "l_max": 3}, "saturation": {"kind": "logistic"}},
            search={"prior": {"contribution": {"beta": [2, 20]}}, "adstock": {"kind": "none"}},
        )
    },
    "varying": {"media": channels(search={"time_varying": {"every": 8, "spread": {"gamma": [4, 40]}}})},
    "grouped": {
        "media": {**channels(tv={"group": "g"}, search={"group": "g"}), "pooling": {}},
    },
    "slope and tails": {
        "baseline": {"slope": "random_walk"},
        "likelihood": {"kind": "student_t", "nu": {"gamma": [4, 1]}},
    },
    "log": {"kpi": {"column": "revenue", "scale": "log"}},
    "treatment": {
        "controls": [],
        "treatments": {"cut": {"column": "price", "prior": {"coefficient": {"normal": [0, 1]}}}},
    },
    "lognormal geos": panel_spec(geo={"column": "geo", "effects": "lognormal"}),
    "unpooled geos": panel_spec(geo={"column": "geo", "pooling": "none"}),
}  # fmt: skip


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=pytest.mark.slow) if part != "roi" else part for part in FAMILY]
)
def test_log_prior_worked_out_from_a_posterior_is_that_of_the_model(part):
    spec = parse_spec({**SPEC, **FAMILY[part]})
    table = weekly_table(geos=("a", "b") if spec.geo else ("all",))
    with jax.enable_x64(True):
        tree = _as_posterior(prior_predictive(table, spec, draws=12))
        data = model_data(table, spec)
        prepared = prepare(data, spec)
        model, arrays = prepared.model, prepared.arrays
        found, own = log_prior(Posterior.of(tree), Posterior.of(tree).thinned(12))
        for groups in own.values():
            for group, values in groups.items():
                found[group] = found.get(group, 0.0) + values
        found["effect"] = found["effect"] + found.pop("groups", 0.0)
        keys = jax.random.split(jax.random.key(spec.fit.seed), 12)

        @jax.jit
        def sampled(key):
            """Log density of each site, and the standard normals that grouped effects are sampled as."""
            sites = handlers.trace(handlers.seed(model.effects, key)).get_trace(arrays)
            drawn = {name: site for name, site in sites.items() if site["type"] == "sample"}
            grouped = drawn.get("effect_grouped")
            return (
                {name: site["fn"].log_prob(site["value"]).sum() for name, site in drawn.items()},
                None if grouped is None else grouped["value"],
            )

        for draw in (0, 5):
            log_probs, grouped = sampled(keys[draw])
            expected: dict[str, float] = {}
            for name, log_prob in log_probs.items():
                if (group := _group(name)) is not None:
                    expected[group] = expected.get(group, 0.0) + float(log_prob)
            if grouped is not None:  # the effect's density has its Jacobian
                at = np.flatnonzero(model.groups >= 0)
                location = np.array([model.priors["effect"][i].parameters for i in at])
                z = np.asarray(grouped)
                expected["effect"] -= float(
                    (location[:, 0] + location[:, 1] * z + np.log(location[:, 1])).sum()
                )
            assert set(found) == set(expected)
            for group, value in expected.items():
                assert found[group][draw] == pytest.approx(value, rel=1e-4, abs=1e-4), group


def _group(site):
    """The group of priors a site belongs to; None for what is inside the hierarchy."""
    name = (
        site.removesuffix("_lognormal")
        .removesuffix("_beta")
        .removesuffix("_gamma")
        .removesuffix("_halfnormal")
    )
    name = name.removesuffix("_uniform").removesuffix("_exponential").removesuffix("_normal")
    if name in ("geo_deviation", "noise_weight", "multiplier_knot"):
        return None
    known = {
        "effect": "effect", "effect_grouped": "effect", "correlation": "effect", "tau": "level", "tau_slope": "level",
        "sigma": "noise", "nu": "noise", "geo_spread": "geos", "treatment": "treatments",
        "multiplier_spread": "variation",
    }  # fmt: skip
    if name in known:
        return known[name]
    return "adstock" if any(name in kind.parameters for kind in ADSTOCKS.values()) else "saturation"


def _as_posterior(tree):
    out = xr.DataTree.from_dict(
        {"/posterior": tree["prior"].to_dataset(), "/constant_data": tree["constant_data"].to_dataset()}
    )
    out.attrs = tree.attrs
    return out


def test_every_channel_gets_figures_for_every_group_and_a_sentence():
    tree = posterior(draws=200)
    group = tree["posterior"].to_dataset()
    roi = np.random.default_rng(4).lognormal(size=group["roi"].shape)
    tree["posterior"] = group.assign(roi=group["roi"].copy(data=roi))
    found = sensitivity(tree)
    assert set(found.table["component"]) == {
        "effect", "adstock", "saturation", "level", "noise", OWN, LIKELIHOOD
    }  # fmt: skip
    assert set(found.diagnosis) == {"tv", "search"}
    change, channel, group = found.largest
    assert change > 0
    assert channel in ("tv", "search")
    assert group in GROUPS


def test_a_posterior_that_is_its_prior_is_called_weak():
    # draws of the prior, scored by a KPI without any noise model to speak of: the likelihood hardly varies
    tree = _as_posterior(prior_predictive(weekly_table(), parse_spec(SPEC), draws=1500))
    vague = tree["posterior"].to_dataset()
    vague["sigma"] = xr.full_like(vague["sigma"], 1e4)
    tree["posterior"] = vague
    found = sensitivity(tree)
    assert found.largest[0] > 0.05
    assert all("strong prior or weak data" in said for said in found.diagnosis.values())


def test_a_bootstrap_is_refused():
    tree = posterior(draws=20)
    tree.attrs.update(engine="ridge", approximate="no posterior")
    with pytest.raises(InputError, match="power-scaling"):
        sensitivity(tree)


def test_neither_arviz_nor_numba_is_imported(monkeypatch):
    # they take longer to import than everything else here together
    for name in ("arviz", "numba"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(sensitivity(posterior(draws=20)).table)
