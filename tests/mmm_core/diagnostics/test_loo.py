"""LOO against refits: a conjugate model whose posterior without a week is known exactly."""

from dataclasses import replace

import arviz
import numpy as np
import pytest
from scipy import stats

from mmm_core.diagnostics.loo import compare_loo, loo, psis_loo
from mmm_core.errors import InputError
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.mmm_core.review.test_review import sound

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def test_importance_sampling_of_the_others_density_is_the_refit():
    # y_i = beta x_i + e, beta ~ N(0, 2): p(y_i | y_-i) is known; the draws are of the whole posterior
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, size=20)
    y = 0.7 * x + rng.normal(size=20)

    def posterior_of(kept):
        variance = 1 / (1 / 4 + x[kept] @ x[kept])
        return variance * (x[kept] @ y[kept]), variance

    mean, variance = posterior_of(np.arange(20))
    beta = rng.normal(mean, np.sqrt(variance), size=(16000, 1))
    found = psis_loo(stats.norm.logpdf(y, beta * x), 1.0)
    for i in range(20):
        mean, variance = posterior_of(np.delete(np.arange(20), i))
        exact = stats.norm.logpdf(y[i], mean * x[i], np.sqrt(1 + variance * x[i] ** 2))
        assert float(found.elpd[i]) == pytest.approx(exact, abs=0.02)
    assert float(found.khat.max()) < 0.5


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_figures_are_those_of_arviz():
    rng = np.random.default_rng(1)
    density = stats.norm.logpdf(rng.standard_t(3, size=30), rng.normal(0, 0.2, (4, 500, 1)), 0.8)
    draws = arviz.from_dict(posterior={"unused": np.zeros((4, 500))}, log_likelihood={"kpi": density})
    expected = arviz.loo(draws, pointwise=True, reff=0.8)
    found = psis_loo(density.reshape(2000, 30), 0.8)
    np.testing.assert_allclose(found.elpd, expected["loo_i"], rtol=1e-10)
    np.testing.assert_allclose(found.khat, expected["pareto_k"], rtol=1e-8)
    assert found.p_loo == pytest.approx(expected["p_loo"], rel=1e-8)
    assert found.good_k == pytest.approx(expected["good_k"])


def test_a_model_that_explains_more_is_preferred():
    plain, better = sound(draws=100), sound(draws=100)
    group = plain["posterior"].to_dataset()
    plain["posterior"] = group.assign(coefficient=group["coefficient"] * 0.01, sigma=group["sigma"] * 1.5)
    table = compare_loo({"without media": loo(plain), "with media": loo(better)})
    assert table["model"].tolist() == ["with media", "without media"]
    assert table["difference"].tolist()[0] == 0
    assert table["difference"].tolist()[1] < -4
    assert table["verdict"].tolist() == ["predicts best", "predicts worse than with media"]
    with pytest.raises(InputError, match="two models"):
        compare_loo({"one": loo(plain)})


def test_equal_models_are_called_equal():
    found = loo(sound(draws=100))
    table = compare_loo({"a": found, "b": found})
    assert "within its error" in table["verdict"][1]
    assert table["difference_se"][1] == 0


def test_a_week_that_moves_the_posterior_is_named():
    table = weekly_table()
    tree = sound(draws=200, table=table)
    assert "is reliable" in loo(tree).message
    data = tree["constant_data"].to_dataset()
    kpi = data["kpi"].copy()
    kpi[0, 30] = kpi[0, 30] + 40 * float(data["kpi_scale"])
    tree["constant_data"] = data.assign(kpi=kpi)
    found = loo(tree)
    assert found.unreliable >= 1
    assert str(data["week"].to_numpy()[30].astype("datetime64[D]")) in found.message
    assert "student_t" in found.message
    assert "student_t" not in replace(found, heavy_tails=True).message


def test_models_of_other_weeks_do_not_compare():
    with pytest.raises(InputError, match="same weeks"):
        compare_loo({"a": loo(posterior(draws=50)), "b": loo(posterior(draws=50, holdout_weeks=5))})


def test_models_of_another_kpi_or_unit_do_not_compare():
    revenue = loo(posterior(draws=50))
    orders = loo(
        posterior({**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}, draws=50)
    )
    with pytest.raises(InputError, match=r"of revenue .*of orders|of orders .*of revenue"):
        compare_loo({"a": revenue, "b": orders})
    table = weekly_table()
    table["revenue"] /= 1000
    with pytest.raises(InputError, match=r"different values of revenue.* 60 of 60 weeks: .*same unit"):
        compare_loo({"a": revenue, "b": loo(posterior(table=table, draws=50))})


def test_a_model_of_the_logarithm_compares_as_the_density_is_of_the_kpi_itself():
    level, log = (
        loo(posterior(draws=50)),
        loo(posterior({**SPEC, "kpi": {"column": "revenue", "scale": "log"}})),
    )
    assert len(compare_loo({"level": level, "log": log})) == 2
    table = weekly_table()
    table["revenue"] *= 1000  # moves both by the same: log 1000 a week
    for one, spec in ((level, SPEC), (log, {**SPEC, "kpi": {"column": "revenue", "scale": "log"}})):
        draws = 50 if one is level else 20
        again = loo(posterior(spec, table, draws=draws))
        moved = (one.weeks["elpd"] - again.weeks["elpd"]).to_numpy()
        np.testing.assert_allclose(moved, np.log(1000), rtol=1e-4)


def test_an_approximate_engine_is_labelled_and_a_bootstrap_refused():
    tree = posterior({**SPEC, "model": "quick"}, draws=50)
    tree.attrs.update(engine="laplace", approximate="normal approximation")
    assert "approximate: normal approximation" in loo(tree).message
    tree.attrs.update(engine="ridge")
    with pytest.raises(InputError, match="ridge"):
        loo(tree)
