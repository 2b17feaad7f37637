"""A likelihood term beside that of the KPI reaches the posterior of every engine that can sample from it, exactly as
the product of the densities says, and the other engines refuse it by name.
"""

import importlib.util
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.inference.engines import ENGINES, engine_module
from mmm_core.inference.fit import fit
from mmm_core.model.model import LikelihoodTerm
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import weekly_table

# Media that act at once and in proportion, a baseline that stands still: the ROI and the noise are all that is sampled.
LINEAR = {
    "model": "linear",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "baseline": {"level": "constant", "seasonality": {"order": 0}},
    "media": {
        "channels": {
            "tv": {
                "spend": "tv_spend",
                "adstock": {"kind": "none"},
                "saturation": {"kind": "none"},
                "prior": {"roi": {"lognormal": [0.2, 0.9]}},
            }
        }
    },
}
ABLE = [name for name, registered in ENGINES.items() if registered.likelihood_terms]


def spec_for(engine):
    return parse_spec({**LINEAR, "fit": {"engine": engine, "chains": 2, "warmup": 300, "draws": 1000}})


def measured_outcome(effects, arrays, numbers):
    """An experiment that measured all that television brought."""
    measured, error = numbers
    return -0.5 * ((effects.incremental[0] - measured) / error) ** 2


class Moments(NamedTuple):
    """Mean and sd of the logarithms of the ROI and of sigma."""

    mean: np.ndarray
    sd: np.ndarray


def exact(table, term=None):
    """The moments by adding up p(roi) p(sigma) N(kpi | ...) N(measured | roi spend, error) over a fine grid."""
    data = model_data(table, spec_for("numpyro"))
    scale, spend = float(data["kpi_scale"]), table["tv_spend"].to_numpy()
    kpi = table["revenue"].to_numpy() / scale - float(data["kpi_centre"][0])
    covariance = (
        np.eye(len(kpi)) + float(data["design_prior_sd"][0]) ** 2
    )  # of the intercept, in units of the noise
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    y, x = whiten @ kpi, whiten @ (spend / scale)
    log_roi, log_sigma = np.linspace(-6, 4, 2001)[:, None], np.linspace(-3, 3, 1501)
    roi, sigma = np.exp(log_roi), np.exp(log_sigma)
    squares = y @ y - 2 * roi * (y @ x) + roi**2 * (x @ x)
    density = -len(kpi) * log_sigma - squares / (2 * sigma**2)
    density = density + stats.norm(0.2, 0.9).logpdf(log_roi) + stats.halfnorm.logpdf(sigma) + log_sigma
    if term is not None:
        density = density + stats.norm(term[0], term[1]).logpdf(roi * spend.sum())
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    values = [log_roi + 0 * log_sigma, log_sigma + 0 * log_roi]
    mean = np.array([(weight * value).sum() for value in values])
    variance = [(weight * (value - centre) ** 2).sum() for value, centre in zip(values, mean, strict=True)]
    return Moments(mean, np.sqrt(variance))


@pytest.fixture(scope="module")
def table():
    return weekly_table(60)


@pytest.fixture(scope="module")
def measured(table):
    """What the experiment found: an ROI that the KPI alone makes unlikely, with an error of 5 %."""
    roi = np.exp(exact(table).mean[0]) * 1.4
    total = roi * table["tv_spend"].sum()
    return total, 0.05 * total


@pytest.mark.slow
@pytest.mark.parametrize("engine", ABLE)
def test_a_term_moves_the_posterior_as_the_product_of_densities_says(engine, table, measured):
    without, expected = exact(table), exact(table, measured)
    assert expected.mean[0] - without.mean[0] > without.sd[0]  # the term says much that the KPI does not
    assert expected.sd[0] < 0.7 * without.sd[0]
    term = LikelihoodTerm("lift test of tv", measured_outcome, measured)
    tree = fit(table, spec_for(engine), evidence=[term])
    draws = np.log(
        [tree["posterior"]["roi"].to_numpy().ravel(), tree["posterior"]["sigma"].to_numpy().ravel()]
    )
    assert (np.abs(draws.mean(1) - expected.mean) < 0.15 * expected.sd).all()
    np.testing.assert_allclose(draws.std(1), expected.sd, rtol=0.15)
    assert tree.attrs["evidence"] == '["lift test of tv"]'


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - set(ABLE)))
def test_an_engine_without_a_place_for_terms_refuses_them_by_name(engine, table, measured):
    terms = [
        LikelihoodTerm("lift test of tv", measured_outcome, measured),
        LikelihoodTerm("geo test", measured_outcome, measured),
    ]
    words = rf"engine {engine} has no place for further likelihood terms \(lift test of tv, geo test\).*engine: numpyro"
    with pytest.raises(InputError, match=words):
        fit(table, spec_for(engine), evidence=terms)


def test_every_engine_is_tested_here():
    assert set(ABLE) == {"numpyro", "laplace", "advi"}
    assert set(ENGINES) - set(ABLE) == {"pymc", "meridian", "ridge"}


def test_the_module_of_an_engine_is_known_without_importing_it():
    for name in ENGINES:
        assert importlib.util.find_spec(engine_module(name)).name == engine_module(name)
    with pytest.raises(InputError, match="unknown 'numpiro': did you mean 'numpyro'"):
        engine_module("numpiro")
