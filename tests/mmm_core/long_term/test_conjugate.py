"""The closed forms against brute force: predictive densities one row at a time, integrals, dummy rows."""

import numpy as np
import pytest
from scipy.stats import invgamma, invwishart, kstest, multivariate_t, norm

from mmm_core.long_term.conjugate import chunks, draw, log_marginal_likelihood, moments, posterior

RNG = np.random.default_rng(3)
ROWS, SIZE, VARIABLES = 17, 4, 2
X = RNG.normal(size=(ROWS, SIZE))
Y = X @ RNG.normal(size=(SIZE, VARIABLES)) + RNG.normal(size=(ROWS, VARIABLES))
CENTRE = RNG.normal(size=(SIZE, VARIABLES))
PRECISION = np.array([0.5, 2.0, 1.0, 0.01])
DEGREES = 5.0


def test_log_marginal_likelihood_is_the_product_of_one_step_predictive_densities():
    total, mean, covariance = 0.0, CENTRE.copy(), np.diag(1 / PRECISION)
    scale, degrees = np.eye(VARIABLES), DEGREES
    for x, y in zip(X, Y, strict=True):
        spread = 1 + x @ covariance @ x
        freedom = degrees - VARIABLES + 1
        total += multivariate_t(x @ mean, scale * spread / freedom, df=freedom).logpdf(y)
        gain, missed = covariance @ x / spread, y - x @ mean
        mean = mean + np.outer(gain, missed)
        covariance = covariance - np.outer(gain, x @ covariance)
        scale, degrees = scale + np.outer(missed, missed) / spread, degrees + 1
    found = log_marginal_likelihood(moments(Y, X, CENTRE), PRECISION, DEGREES)
    assert found == pytest.approx(total, rel=1e-12)


def test_of_one_variable_it_is_a_multivariate_t():
    y = Y[:, :1]
    shape = (np.eye(ROWS) + X @ np.diag(1 / PRECISION) @ X.T) / DEGREES
    expected = multivariate_t(X @ CENTRE[:, 0], shape, df=DEGREES).logpdf(y[:, 0])
    found = log_marginal_likelihood(moments(y, X, CENTRE[:, :1]), PRECISION, DEGREES)
    assert found == pytest.approx(expected, rel=1e-12)


def test_it_is_the_integral_of_likelihood_times_prior():
    x, y = X[:5, :1], Y[:5, :1]

    coefficient = np.linspace(-8, 8, 2001)[:, None]
    log_variance = np.linspace(np.log(1e-3), np.log(200), 2001)
    variance = np.exp(log_variance)
    left = y - x * coefficient.ravel()
    fit = -0.5 * (left**2).sum(0)[:, None] / variance - 2.5 * np.log(2 * np.pi * variance)
    prior = norm.logpdf(coefficient, 0.3, np.sqrt(variance / 2.0)) + invgamma.logpdf(
        variance, DEGREES / 2, scale=0.5
    )
    integral = np.trapezoid(np.trapezoid(np.exp(fit + prior) * variance, log_variance), coefficient[:, 0])
    found = log_marginal_likelihood(moments(y, x, np.array([[0.3]])), np.array([2.0]), DEGREES)
    assert found == pytest.approx(np.log(integral), rel=1e-6)


def test_the_posterior_mean_is_least_squares_with_the_prior_as_rows():
    rows = np.concatenate([X, np.diag(np.sqrt(PRECISION))])
    outcome = np.concatenate([Y, np.sqrt(PRECISION)[:, None] * CENTRE])
    expected = np.linalg.lstsq(rows, outcome, rcond=None)[0]
    left = outcome - rows @ expected
    found = posterior(moments(Y, X, CENTRE), PRECISION, DEGREES)
    assert np.allclose(found.deviation + CENTRE, expected, rtol=1e-11)
    assert np.allclose(found.scale, np.eye(VARIABLES) + left.T @ left, rtol=1e-11)
    assert np.allclose(found.root @ found.root.T, rows.T @ rows, rtol=1e-11)
    assert found.degrees == DEGREES + ROWS


def test_draws_have_the_moments_of_the_closed_form():
    known = posterior(moments(Y, X, CENTRE), PRECISION, DEGREES)
    count = 40_000
    found = draw(known, count, np.random.default_rng(1))
    sigma = found.root @ found.root.swapaxes(1, 2)
    mean = known.scale / (known.degrees - VARIABLES - 1)
    expected = np.kron(mean, np.linalg.inv(known.root @ known.root.T))
    flat = found.coefficients.swapaxes(1, 2).reshape(count, -1)
    error = np.sqrt(np.diag(expected) / count)
    assert (np.abs(flat.mean(0) - known.deviation.T.ravel()) < 4.5 * error).all()
    assert np.allclose(np.cov(flat.T), expected, atol=0.05 * np.diag(expected).max())
    assert np.allclose(sigma.mean(0), mean, rtol=0.03, atol=0.01)
    # the whole marginal of an element, not its moments alone
    marginal = invwishart(known.degrees, known.scale).rvs(4000, random_state=2)[:, 0, 0]
    assert kstest(sigma[:4000, 0, 0], marginal).pvalue > 1e-3


def test_exact_draws_have_the_moments_of_a_long_gibbs_run():
    """The same posterior in turns: coefficients given Sigma, Sigma given coefficients; nothing shared but the data."""
    rng, count = np.random.default_rng(5), 20_000
    after = np.linalg.inv(X.T @ X + np.diag(PRECISION))
    mean = after @ (X.T @ Y + PRECISION[:, None] * CENTRE)
    root, sigma = np.linalg.cholesky(after), np.eye(VARIABLES)
    chain, variances = np.empty((count, SIZE, VARIABLES)), np.empty((count, VARIABLES, VARIABLES))
    for step in range(-200, count):
        beta = mean + root @ rng.normal(size=(SIZE, VARIABLES)) @ np.linalg.cholesky(sigma).T
        left, away = Y - X @ beta, beta - CENTRE
        scale = np.eye(VARIABLES) + left.T @ left + away.T @ (PRECISION[:, None] * away)
        # an inverse Wishart of two variables as the inverse of a sum of outer products
        normal = (
            rng.normal(size=(int(DEGREES) + ROWS + SIZE, VARIABLES))
            @ np.linalg.cholesky(np.linalg.inv(scale)).T
        )
        sigma = np.linalg.inv(normal.T @ normal)
        if step >= 0:
            chain[step], variances[step] = beta, sigma
    found = draw(posterior(moments(Y, X, CENTRE), PRECISION, DEGREES), count, np.random.default_rng(6))
    exact, covariance = found.coefficients + CENTRE, found.root @ found.root.swapaxes(1, 2)
    for theirs, ours in ((chain, exact), (variances, covariance)):
        # a chain of a few percent autocorrelation counts for half of its steps, to be safe
        error = np.sqrt(ours.var(0) / count + theirs.var(0) / (count / 2))
        assert (np.abs(ours.mean(0) - theirs.mean(0)) < 4.5 * error).all()
        assert np.allclose(ours.std(0) / theirs.std(0), 1, atol=0.06)


def test_many_posteriors_at_once_are_each_their_own():
    outcomes = Y + RNG.normal(size=(3, ROWS, VARIABLES))
    strengths = PRECISION * np.array([[1.0], [2.0], [0.3]])
    together = moments(outcomes, np.broadcast_to(X, (3, *X.shape)), CENTRE)
    found = posterior(together, strengths, DEGREES)
    scores = log_marginal_likelihood(together, strengths, DEGREES)
    for position in range(3):
        alone = moments(outcomes[position], X, CENTRE)
        single = posterior(alone, strengths[position], DEGREES)
        assert np.allclose(found.deviation[position], single.deviation)
        assert np.allclose(found.scale[position], single.scale)
        assert scores[position] == pytest.approx(
            float(log_marginal_likelihood(alone, strengths[position], DEGREES))
        )


def test_ranks_of_what_made_the_data_are_uniform():
    """Simulation-based calibration: truth from the prior, data from the truth, draws from the posterior."""
    rng = np.random.default_rng(11)
    worlds, count = 400, 39
    ranks = np.empty((worlds, 3))
    for number in range(worlds):
        sigma = np.atleast_2d(invwishart(DEGREES, np.eye(VARIABLES)).rvs(random_state=rng))
        noise = rng.normal(size=(SIZE, VARIABLES)) @ np.linalg.cholesky(sigma).T
        truth = CENTRE + noise / np.sqrt(PRECISION)[:, None]
        outcome = X @ truth + rng.multivariate_normal(np.zeros(VARIABLES), sigma, ROWS)
        known = posterior(moments(outcome, X, CENTRE), PRECISION, DEGREES)
        found = draw(known, count, rng)
        variance = (found.root @ found.root.swapaxes(1, 2))[:, 0, 0]
        ranks[number] = [
            (found.coefficients[:, 0, 0] + CENTRE[0, 0] < truth[0, 0]).sum(),
            (found.coefficients[:, 3, 1] + CENTRE[3, 1] < truth[3, 1]).sum(),
            (variance < sigma[0, 0]).sum(),
        ]
    for column in ranks.T:
        bins = np.histogram(column, bins=8, range=(0, 40))[0]
        assert ((bins - worlds / 8) ** 2 / (worlds / 8)).sum() < 24.3  # chi2(7) at 0.001


def test_chunks_cover_every_draw_once():
    parts = list(chunks(10_001, 2_000_000))
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert parts[0].start == 0
    assert parts[-1].stop == 10_001
    assert all(part.stop - part.start <= 2 for part in parts)
