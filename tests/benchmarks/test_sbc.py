"""Simulation-based calibration: the prior that makes a world is the prior that is fitted to it."""

from unittest import mock

import numpy as np
import pytest

from benchmarks import sbc
from benchmarks.common.ours_fit import spec_of
from mmm_core.data import arrays


def prepared(replication):
    """The arrays that a replication is fitted with, and the world's true control effect in noise sds."""
    spend, control = sbc.spend_path(60), sbc.control_path(60)
    table, _ = sbc.draw_world(np.random.default_rng([1, replication]), spend, control)
    spec = spec_of(sbc.job_of(replication, draws=100))
    with mock.patch.object(arrays, "_robust_sd", return_value=1.0):
        return arrays.model_data(table, spec), spec


@pytest.mark.parametrize("replication", range(3))
def test_the_prior_of_the_world_is_the_prior_of_the_fit_whatever_the_table_says(replication):
    data, spec = prepared(replication)
    sd = data["design_prior_sd"].to_series()
    assert sd.to_dict() == {"intercept": sbc.INTERCEPT, "price": sbc.CONTROL}
    assert data["design"].sel(term="price").std().item() == pytest.approx(1)  # as the world has it
    assert float(data["kpi_scale"]) == 1
    assert spec.baseline.level_sd.parameters == (sbc.LEVEL_SD,)
    for name in sbc.CHANNELS:
        channel = spec.media.channels[name]
        assert channel.prior.roi.parameters == tuple(sbc.ROI)


def test_ranks_of_a_prior_that_is_too_narrow_are_not_uniform():
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(0, 2, 400), rng.normal(0, 1, (400, 500))
    ranks = np.array([sbc.rank(own, true, levels=100) for own, true in zip(draws, truth, strict=True)])
    assert sbc.uniformity(ranks, levels=100, bins=10) < 1e-6
    same = np.array([sbc.rank(own, true / 2, levels=100) for own, true in zip(draws, truth, strict=True)])
    assert sbc.uniformity(same, levels=100, bins=10) > 0.01
