"""The worlds of the benchmarks: their stated ROI is what their tables hold, and the job travels unchanged."""

import numpy as np
import pytest

from benchmarks.accuracy import all_worlds, fingerprint, summary
from benchmarks.accuracy import scores as score_rows
from benchmarks.common.job import read_job, write_job
from benchmarks.common.ours_fit import spec_of
from benchmarks.worlds import peer_style
from benchmarks.worlds.broken import walking
from benchmarks.worlds.confounded import confounded
from benchmarks.worlds.panel import panel
from benchmarks.worlds.peer_style import adstock, meridian_like, pymc_marketing_like, textbook
from benchmarks.worlds.simulator import simulated
from mmm_core.data.arrays import model_data


def small_panel(seed):
    return panel(seed, geos=3, weeks=40, channels=2, controls=1)


MAKERS = [meridian_like, pymc_marketing_like, textbook, simulated, small_panel]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_world_is_the_same_each_time_and_differs_by_seed(maker):
    world = maker(3)
    assert world.table.equals(maker(3).table)
    assert not world.table["revenue"].equals(maker(4).table["revenue"])
    assert not world.table.isna().any().any()
    assert list(world.true_roi) == world.job.channels


def test_the_stated_roi_is_the_effect_over_the_spend():
    weeks, later = 60, slice(peer_style.L_MAX, None)
    rng = np.random.default_rng(8)
    media = rng.uniform(size=(weeks + peer_style.BURN_IN, 2))
    curves = np.sqrt(media)
    world = peer_style._world(
        "plain", 0, rng, media, lambda _, path: np.sqrt(path), np.ones(weeks), np.zeros((weeks, 0)), noise=0
    )
    shown = curves[peer_style.BURN_IN :]
    above = world.table["revenue"].to_numpy() - peer_style.LEVEL
    size, left, *_ = np.linalg.lstsq(shown, above, rcond=None)
    assert left == pytest.approx(0, abs=1e-6)
    for c, name in enumerate(world.job.channels):
        effect, spend = size[c] * shown[later, c].sum(), world.table[f"{name}_spend"][later].sum()
        assert effect / spend == pytest.approx(world.true_roi[name])


@pytest.mark.parametrize(
    "maker",
    [meridian_like, pymc_marketing_like, textbook, simulated, walking, lambda seed: confounded(seed).world],
)
def test_what_a_plan_truly_brings_is_the_true_return_where_the_whole_table_comes_again(maker):
    world = maker(3)
    assert world.brought is not None
    spend = world.table[list(world.job.spend.values())].to_numpy()[world.job.l_max :]
    brought = world.brought(spend)
    # what earlier media carry in, and what these carry out, differ from what the table's own weeks saw of either
    np.testing.assert_allclose(
        brought / spend.sum(0), [world.true_roi[name] for name in world.job.channels], rtol=0.05
    )
    assert (world.brought(0 * spend) == 0).all()
    assert (world.brought(2 * spend) < 2.5 * brought).all()


def test_carryover_by_hand():
    weights = 0.5 ** np.arange(9)
    pulse = np.eye(1, 12, 2)[0]
    np.testing.assert_allclose(adstock(pulse, 0.5)[2:11], weights / weights.sum())


def test_a_job_travels_exactly(tmp_path):
    world = textbook(1)
    job = world.job.with_(settings={"meridian": {"knots": 5}})
    write_job(tmp_path, job, world.table)
    back, table = read_job(tmp_path)
    assert back == job
    np.testing.assert_array_equal(table["revenue"], world.table["revenue"])
    assert (table["week_start"] == world.table["week_start"]).all()


@pytest.mark.parametrize("maker", MAKERS)
def test_our_specification_takes_every_world(maker):
    world = maker(2)
    data = model_data(world.table, spec_of(world.job))
    assert data.sizes["week"] * data.sizes["geo"] == len(world.table) - world.job.l_max * data.sizes["geo"]


def test_settings_reach_the_specification():
    job = textbook(1).job.with_(settings={"carryover": {"fit": {"precision": "float32"}}}, draws=123, seed=9)
    fit = spec_of(job).fit
    assert (fit.precision, fit.draws, fit.seed) == ("float32", 123, 9)


def test_worlds_take_turns():
    names = [world.generator for world in all_worlds(5, ["meridian_like", "pymc_marketing_like"], 101)]
    assert names == ["meridian_like", "pymc_marketing_like"] * 2 + ["meridian_like"]


def test_a_stored_fit_is_known_by_its_world_and_settings():
    world = textbook(1)
    same = fingerprint("meridian", world, world.job)
    assert same == fingerprint("meridian", textbook(1), world.job)
    assert same != fingerprint("meridian", textbook(2), world.job)
    assert same != fingerprint("meridian", world, world.job.with_(draws=7))
    assert same != fingerprint("pymc_marketing", world, world.job)


def test_accuracy_figures_by_hand():
    channels = {
        "a": {"true": 2.0, "mean": 1.5, "q05": 1.0, "q95": 2.5, "covered": True, "crps": 0.2},
        "b": {"true": -1.0, "mean": 0.5, "q05": 0.1, "q95": 0.9, "covered": False, "crps": 1.2},
    }
    record = {"world": "w", "generator": "g", "system": "s", "trap": False, "channels": channels}
    found = summary(score_rows([record]))
    assert found["coverage_90"] == 0.5
    assert found["roi_mean_absolute_error"] == pytest.approx(1.0)
    assert found["roi_mean_relative_error"] == pytest.approx((0.25 + 1.5) / 2)
    assert found["roi_crps"] == pytest.approx(0.7)
    assert found["interval_width"] == pytest.approx((1.5 + 0.8) / 2)
