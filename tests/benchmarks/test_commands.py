"""What the benchmarks take as arguments, what they compare, and the shape of their last line."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import accuracy, growth
from benchmarks.common.compare import add_options, median, report, with_setting
from benchmarks.common.diagnostics import convergence
from benchmarks.common.job import Job
from benchmarks.common.machine import finish, machine
from benchmarks.common.systems import OURS, PEERS, SYSTEMS, Run, run
from benchmarks.long import size
from benchmarks.sbc import rank, uniformity
from benchmarks.worlds.peer_style import textbook


def a_run(system: str, seconds: float, seed: int = 0) -> Run:
    rng = np.random.default_rng(seed)
    draws = {"roi": rng.normal(1, 0.1, (4, 500, 2)), "sigma": rng.normal(1, 0.1, (4, 500))}
    result = {"fit_s": seconds, "import_s": 1.0, "divergences": 0, "configuration": {}}
    return Run(system, draws, result, seconds + 2, convergence(draws))


def test_ratios_are_of_smallest_ess_a_second():
    ours, peer = a_run(OURS, 2.0), a_run("meridian", 100.0, seed=1)
    found = report({OURS: ours, "meridian": peer}, {OURS: a_run(OURS, 0.5)})
    assert found["ratio_vs_meridian"] == pytest.approx(
        (ours.convergence.ess_bulk_min / 2) / (peer.convergence.ess_bulk_min / 100), rel=1e-3
    )
    assert found["warm_ratio_vs_meridian"] == pytest.approx(4 * found["ratio_vs_meridian"], rel=1e-3)
    assert found["fit_with_imports_s"] == 3.0
    assert set(found["systems"]["meridian"]) == {"cold"}


def test_the_last_line_is_one_json_object(capsys):
    print("progress")
    finish("national", machine(), **report({OURS: a_run(OURS, 2.0)}, {}))
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    asked = {"benchmark", "date", "machine", "versions", "min_ess_per_s", "fit_s", "ess_bulk_min", "rhat_max"}
    assert asked | {"divergences", "systems"} <= set(last)
    assert {"cpu", "cores", "memory_gib", "system", "python"} <= set(last["machine"])


def test_the_median_is_one_of_the_runs():
    assert median([a_run(OURS, seconds) for seconds in (9.0, 1.0, 2.0)]).fit_s == 2.0


def test_options_name_systems_and_refuse_others(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, SYSTEMS, default=[OURS])
    assert parser.parse_args([]).systems == [OURS]
    assert parser.parse_args(["--systems", "meridian"]).systems == ["meridian"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--systems", "robyn"])
    assert "robyn" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["500", "x10", "500x", "ax3"])
def test_a_size_is_weeks_by_channels(text):
    assert size("500x10") == (500, 10)
    with pytest.raises(argparse.ArgumentTypeError, match="500x10"):
        size(text)


def test_settings_are_added_for_one_system():
    job = with_setting(Job("y", {"tv": "tv"}, settings={"meridian": {"knots": 8}}), "meridian", adapt=5)
    assert job.settings == {"meridian": {"knots": 8, "adapt": 5}}


@pytest.mark.parametrize(
    ("system", "how"),
    [("meridian", "make engine E=meridian"), ("pymc_marketing", "make .*pymc_marketing/.ready")],
)
def test_a_peer_that_is_not_installed_says_how_to(system, how, monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.common.systems.PEERS", tmp_path)
    monkeypatch.setenv("MMM_MERIDIAN_ENV", str(tmp_path))
    monkeypatch.setattr("benchmarks.common.systems.ROOT", tmp_path.parent)
    world = textbook(1)
    with pytest.raises(SystemExit, match=how):
        run(system, world.job, world.table)
    assert PEERS.name == ".venv-peers"


def test_growth_is_the_slope_of_logarithms():
    weeks = np.array([100, 200, 400])
    table = pd.DataFrame({"axis": "weeks", "size": weeks, "gradient_us": 3.0 * weeks**1.5})
    assert growth.exponents(table, "gradient_us") == {"weeks": pytest.approx(1.5)}


def test_growth_draws_its_picture(tmp_path):
    table = pd.DataFrame(
        {"axis": ["weeks"] * 2, "size": [100, 200], "gradient_us": [3.0, 6.0], "fit_s": [1.0, 2.0]}
    )
    growth.plot(table, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 5000


def test_accuracy_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    fitted = []

    def fit_one(system, world, job, cache):
        fitted.append((system, world.name))
        channels = {
            name: {"true": true, "mean": true + 0.1, "q05": 0.0, "q95": 9.0, "covered": True, "crps": 0.1}
            for name, true in world.true_roi.items()
        }
        named = {"world": world.name, "generator": world.generator, "trap": world.trap, "system": system}
        figures = {"fit_s": 1.0, "rhat_max": 1.0, "ess_bulk_min": 900.0, "divergences": 0}
        return {**named, "channels": channels, **figures}

    monkeypatch.setattr(accuracy, "fit_one", fit_one)
    arguments = ["--store", str(tmp_path), "--generators", "meridian_like", "--systems", OURS, "meridian"]
    accuracy.main([*arguments, "--worlds", "1"])
    assert len(fitted) == 2
    accuracy.main([*arguments, "--worlds", "2"])
    assert fitted[2:] == [(OURS, "meridian_like-102"), ("meridian", "meridian_like-102")]
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["coverage_90"], last["worlds"]) == (1.0, 2)
    assert last["roi_crps_ratio_vs_meridian"] == 1.0


def test_ranks_of_a_calibrated_sampler_are_uniform_and_others_are_not():
    rng = np.random.default_rng(0)
    right, narrow = [], []
    for _ in range(500):
        true = rng.normal()
        right.append(rank(rng.normal(size=999), true, levels=100))
        narrow.append(rank(rng.normal(0, 0.7, size=999), true, levels=100))
    assert min(right) >= 0
    assert max(right) <= 99
    assert uniformity(np.array(right), 100, 10) > 0.01
    assert uniformity(np.array(narrow), 100, 10) < 1e-4
