"""ESS, R-hat and scores of the benchmarks against ArviZ, closed forms and brute force."""

import arviz
import numpy as np
import pytest
from scipy import stats

from benchmarks.common.diagnostics import convergence, ess_bulk, rhat_rank, score


def autoregression(persistence: float, chains: int = 4, draws: int = 1000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((chains, draws))
    for t in range(1, draws):
        x[:, t] += persistence * x[:, t - 1]
    return x


@pytest.mark.parametrize("persistence", [-0.5, 0.0, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("draws", [500, 1001])
def test_ess_and_rhat_are_those_of_arviz(persistence, draws):
    x = autoregression(persistence, draws=draws)
    skewed = np.exp(x / 3)
    for series in (x, skewed):
        assert ess_bulk(series[..., None])[0] == pytest.approx(
            float(arviz.ess(series, method="bulk")), rel=1e-6
        )
        assert rhat_rank(series[..., None])[0] == pytest.approx(float(arviz.rhat(series)), rel=1e-9)


def test_chains_apart_have_a_large_rhat():
    x = autoregression(0.0)
    x[0] += 3
    assert rhat_rank(x[..., None])[0] > 1.1
    assert ess_bulk(x[..., None])[0] < 50


def test_the_worst_quantity_is_named_and_constants_are_left_out():
    good, bad = autoregression(0.0), autoregression(0.9)
    found = convergence({"a": good, "b": np.stack([good, bad], axis=-1), "fixed": np.ones((4, 1000, 3))})
    assert (found.ess_bulk_min_at, found.rhat_max_at) == ("b[1]", "b[1]")
    assert found.quantities == 3
    assert found.ess_bulk_min == pytest.approx(float(arviz.ess(bad, method="bulk")), rel=1e-6)


def test_crps_of_normal_draws_is_the_closed_form():
    draws, true = np.random.default_rng(1).normal(2.0, 0.5, 200_000), 2.4
    z = (true - 2.0) / 0.5
    exact = 0.5 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert score(draws, true).crps == pytest.approx(exact, abs=0.003)


def test_crps_is_the_mean_over_pairs():
    draws, true = np.array([0.3, 1.0, 1.2, 2.5]), 0.9
    pairs = np.abs(draws[:, None] - draws).sum() / (4 * 3)
    assert score(draws, true).crps == pytest.approx(np.abs(draws - true).mean() - pairs / 2)


def test_an_interval_covers_what_lies_in_it():
    draws = np.linspace(0, 1, 1001)
    assert score(draws, 0.06).covered
    assert not score(draws, 0.04).covered
    assert not score(draws, 0.96).covered
