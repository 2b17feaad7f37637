"""The standard error of an experiment: formulas against forecasts by simulation, placebos against read-outs to come."""

import numpy as np
import pytest

from mmm_core.effects.curves import spend_response
from mmm_core.experiments.ahead import WeeksAhead
from mmm_core.experiments.noise import market_error, placebo_error, share_error
from mmm_core.forecast.predict import predictive_draws
from mmm_core.posterior.handle import Posterior
from mmm_core.readout.synthetic_control import fit
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.mmm_core.readout.panels import outcomes

PLAIN = {**SPEC, "controls": [], "baseline": {"seasonality": {"order": 0}}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline": {"seasonality": {"order": 0}, "slope": "random_walk"}},
        {"likelihood": "student_t"},
        {"kpi": {"column": "revenue", "scale": "log"}},
    ],
    ids=["level", "slope", "student_t", "log"],
)
def test_the_error_of_a_whole_market_is_that_of_the_forecast_of_its_plan(changes):
    """Brute force: level, slope and noise drawn week by week, the plan's weeks added up."""
    spec = {**PLAIN, **changes}
    fixed = {"nu": 8.0} if "likelihood" in changes else {}
    if "kpi" in changes:  # a scaled unit is a few per cent there
        fixed |= {"sigma": 0.5, "tau": 0.05}
    tree = posterior(spec, draws=500, **fixed)
    read, weeks = Posterior.of(tree), 6
    response = spend_response(tree, weeks)
    ahead = WeeksAhead.of(read, response, weeks)
    plan = weekly_table().tail(weeks).assign(week_start=ahead.dates)
    drawn, _ = predictive_draws(tree, plan)
    predictor = read.predictor(response.positions)
    claimed = market_error(read, predictor, ahead, weeks)
    assert claimed == pytest.approx(float(drawn.sum(["geo", "week"]).std()), rel=0.1)


def test_the_error_of_a_share_is_that_of_areas_compared_with_the_rest():
    """Brute force: twenty areas alike with noise of their own, a common level; five are compared with fifteen."""
    tree = posterior(PLAIN, draws=200, sigma=1.0)
    read, weeks = Posterior.of(tree), 6
    response = spend_response(tree, weeks)
    predictor = read.predictor(response.positions)
    ahead = WeeksAhead.of(read, response, weeks)
    rng, unit = np.random.default_rng(1), float(predictor.media.unit[0])
    noise = unit * rng.normal(0, np.sqrt(1 / 20), (20_000, 20, weeks))
    level = rng.normal(0, 10 * unit, (20_000, 1, weeks)) / 20
    areas = (noise + level).sum(-1)
    found = areas[:, :5].sum(1) - areas[:, 5:].sum(1) / 3
    assert share_error(read, predictor, ahead, weeks, 0.25) == pytest.approx(found.std(), rel=0.02)


@pytest.mark.parametrize(
    "options", [{}, {"carry": 0.8}, {"step": 0.3}], ids=["weeks apart", "weeks alike", "a drift"]
)
def test_placebos_of_the_past_tell_how_far_a_read_out_to_come_is_missed(options):
    """The same read-out on the weeks after the history, of many panels."""
    claimed, made, weeks, treated = [], [], 6, [1, 4, 7]
    for seed in range(80):
        panel = outcomes(geos=12, periods=110, seed=seed, **options).T
        history = panel[:, :-weeks]
        claimed.append(placebo_error(history, treated, weeks))
        others = np.delete(panel, treated, axis=0).T
        mean = panel[treated].mean(axis=0)
        control = fit(mean, others, np.arange(panel.shape[1]) < history.shape[1])
        made.append(3 * (mean - control.counterfactual(others))[-weeks:].sum())
    ratio = np.sqrt(np.mean(np.square(claimed)) / np.mean(np.square(made)))
    assert 0.75 < ratio < 1.35


def test_too_few_windows_tell_nothing():
    assert np.isnan(placebo_error(np.ones((5, 34)), [0], 4))
