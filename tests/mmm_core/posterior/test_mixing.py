"""R-hat and effective sample sizes of many quantities at once are ArviZ's of each."""

import warnings

import numpy as np
import pytest
import xarray as xr

from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.mixing import effective_sample_size_of_mean, mixing, statistics
from tests.mmm_core.posteriors import posterior

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ announces its next major version at import
    import arviz


def chains_of_all_kinds(chains, draws):
    """(quantity, chain, draw): independent, slow, alternating, tied, of two values, of chains that disagree."""
    rng = np.random.default_rng(draws)
    x = rng.standard_normal((12, chains, draws))
    for quantity, correlation in enumerate((-0.95, -0.5, 0.3, 0.9, 0.999)):
        for draw in range(1, draws):
            x[quantity, :, draw] += correlation * x[quantity, :, draw - 1]
    x[5] = np.round(x[5])
    x[6] = x[6] > 1.5
    x[7] += np.arange(chains)[:, None]
    x[8] *= 1 + np.arange(chains)[:, None]
    x[9] = np.exp(3 * x[9])
    x[10] = np.sign(x[10])
    x[11, :, draws // 2 :] += 1
    return x


@pytest.mark.parametrize(("chains", "draws"), [(4, 400), (2, 101), (1, 50), (3, 9), (2, 8), (2, 4)])
def test_figures_are_those_of_arviz(chains, draws):
    x = chains_of_all_kinds(chains, draws)
    rhat, bulk, tail = statistics(x)
    np.testing.assert_allclose(bulk, [arviz.ess(values, method="bulk") for values in x], rtol=1e-10)
    np.testing.assert_allclose(tail, [arviz.ess(values, method="tail") for values in x], rtol=1e-10)
    means = effective_sample_size_of_mean(x)
    np.testing.assert_allclose(means, [arviz.ess(values, method="mean") for values in x], rtol=1e-10)
    if chains > 1:
        np.testing.assert_allclose(rhat, [arviz.rhat(values) for values in x], rtol=1e-10)
    else:
        assert np.isnan(rhat).all()


def test_too_few_draws_have_no_figures():
    assert np.isnan(statistics(np.random.default_rng(0).standard_normal((2, 4, 3)))).all()


def test_quantities_are_named_and_those_that_do_not_vary_left_out(monkeypatch):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((2, 50, 2, 2))
    values[..., 0, 1] = 3.0
    coords = {
        "week": np.array(["2024-01-01", "2024-01-08"], dtype="datetime64[ns]"),
        "channel": ["tv", "search"],
    }
    weekly = xr.DataArray(values, dims=("chain", "draw", "week", "channel"), coords=coords)
    sigma = xr.DataArray(rng.standard_normal((2, 50)), dims=("chain", "draw"))
    monkeypatch.setattr("mmm_core.posterior.mixing.CHUNK", 100)  # a quantity at a time
    found = mixing({"beta": weekly, "sigma": sigma})
    names = ("beta[2024-01-01, tv]", "beta[2024-01-08, tv]", "beta[2024-01-08, search]", "sigma")
    assert found.quantities == names
    kept = [weekly[..., 0, 0], weekly[..., 1, 0], weekly[..., 1, 1], sigma]
    np.testing.assert_allclose(found.rhat, [arviz.rhat(one.to_numpy()) for one in kept], rtol=1e-10)
    assert found.worst("rhat") == (found.rhat.max(), names[int(found.rhat.argmax())])
    assert found.worst("ess_tail") == (found.ess_tail.min(), names[int(found.ess_tail.argmin())])


def test_what_is_not_defined_is_the_worst():
    sigma = xr.DataArray(np.random.default_rng(2).standard_normal((1, 50)), dims=("chain", "draw"))
    figure, words = mixing({"sigma": sigma}).worst("rhat")
    assert np.isnan(figure)
    assert words == "one chain"
    figure, words = mixing({"sigma": xr.zeros_like(sigma)}).worst("ess_bulk")
    assert np.isnan(figure)
    assert words == "nothing varies"
    few = xr.DataArray(np.random.default_rng(2).standard_normal((2, 3)), dims=("chain", "draw"))
    assert np.isnan(mixing({"sigma": few}).worst("rhat")[0])


def test_a_posterior_knows_its_own():
    tree = posterior(draws=50)
    found = Posterior.of(tree).mixing
    assert len(found.quantities) == len(found.rhat) > 0
    assert found.chains == tree["posterior"].sizes["chain"]
