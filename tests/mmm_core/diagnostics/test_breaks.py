"""Weeks that stand out and shifts of level: scores against the textbook formula, chance, and tables with a break."""

import numpy as np
import pytest

from mmm_core.diagnostics.breaks import EVERYWHERE, _scores, breaks
from mmm_core.errors import InputError
from mmm_core.model.gaussian_block import gaussian_block
from mmm_core.posterior.heavy_tails import precision
from tests.mmm_core.diagnostics.test_calibration import made_by_the_model
from tests.mmm_core.posterior.test_pointwise import covariance
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior


def shifted(seed=0, geos=("all",), spec=None, by=0.0, from_week=60, weeks=1000, geo=slice(None)):
    """A table the model made, with so much (scaled) added to some weeks of some geos."""
    tree = made_by_the_model(seed, geos=geos, spec=spec)
    data = tree["constant_data"].to_dataset()
    kpi = data["kpi"].to_numpy().copy()
    size = by * float(data["kpi_scale"]) * data["population"].to_numpy()[:, None]
    kpi[geo, from_week : from_week + weeks] += np.broadcast_to(size, kpi.shape)[
        geo, from_week : from_week + weeks
    ]
    tree["constant_data"] = data.assign(kpi=data["kpi"].copy(data=kpi))
    return tree


def test_scores_are_those_of_generalised_least_squares():
    rng = np.random.default_rng(0)
    weeks, geos, sigma, tau = 12, 2, 0.4, 0.2
    design = np.concatenate([np.ones((geos, weeks, 1)), rng.normal(size=(geos, weeks, 1))], axis=-1)
    prior_sd, observed = np.array([100.0, 3.0]), np.ones((geos, weeks), bool)
    residual = rng.normal(size=(1, geos, weeks))
    pieces = precision(gaussian_block(design, observed, prior_sd), sigma, tau)
    single, shift = _scores(pieces, residual, observed.astype(float))
    inverse = np.linalg.inv(covariance(design, prior_sd, sigma, tau))

    def score(column):
        column = column.ravel()
        return column @ inverse @ residual.ravel() / np.sqrt(column @ inverse @ column)

    one, later, later_everywhere = np.zeros((geos, weeks)), np.zeros((geos, weeks)), np.zeros((geos, weeks))
    one[1, 4], later[0, 5:], later_everywhere[:, 7:] = 1, 1, 1
    assert single[0, 1, 4] / sigma == pytest.approx(score(one), rel=1e-6)
    assert shift[0, 0, 5] / sigma == pytest.approx(score(later), rel=1e-6)
    assert shift[0, 2, 7] / sigma == pytest.approx(score(later_everywhere), rel=1e-5)


def test_a_model_that_is_right_shows_none_more_often_than_chance():
    found = [breaks(made_by_the_model(seed)) for seed in range(12)]
    p_values = np.array([[each.outlier.p_value, each.shift.p_value] for each in found])
    assert (p_values > 0.002).all()
    assert (np.median(p_values, axis=0) > 0.15).all()


def test_a_shift_is_found_in_its_week_and_way():
    found = breaks(shifted(by=-0.7))
    assert found.shift.p_value < 0.01
    assert found.shift.score < -abs(found.outlier.score)
    tree = made_by_the_model(0)
    assert found.shift.week == str(tree["constant_data"]["week"].to_numpy()[60])[:10]


def test_a_single_week_is_an_outlier_and_no_shift():
    found = breaks(shifted(by=0.8, weeks=1))
    assert found.outlier.p_value < 0.01
    assert found.outlier.score > abs(found.shift.score)


def test_a_shift_of_one_region_is_told_from_one_of_all():
    names = ("a", "b", "c")
    everywhere = breaks(shifted(geos=names, spec=panel_spec(), by=0.7))
    assert everywhere.shift.geo == EVERYWHERE
    one = breaks(shifted(geos=names, spec=panel_spec(), by=0.7, geo=slice(1, 2)))
    assert one.shift.geo == "b"
    assert one.shift.p_value < 0.01


def test_a_step_that_has_a_name_is_none():
    plain = shifted(by=0.7, from_week=61)
    week = str(plain["constant_data"]["week"].to_numpy()[61])[:10]
    named = {**SPEC, "baseline": {"steps": {"new_shop": week}}}
    assert breaks(shifted(by=0.7, from_week=61, spec=named)).shift.p_value > 0.01
    assert breaks(plain).shift.p_value < 0.01


def test_an_engine_that_integrates_no_level_out_is_refused():
    tree = posterior(draws=5)
    tree.attrs.update(engine="pymc")
    with pytest.raises(InputError, match="needs a level that is integrated out"):
        breaks(tree)
