"""Commands that question a model or a posterior."""

import pandas as pd
import pytest

from mmm_core.posterior.schema import save_posterior
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import posterior


def test_a_posterior_is_questioned(folder, tmp_path):
    said = mmm("sensitivity", "--posterior", folder / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "adstock" in said.stdout
    assert set(read_json(tmp_path / "sensitivity.json")["diagnosis"]) == {"tv", "search"}
    save_posterior(posterior(draws=20, seed=2), tmp_path / "other.nc")
    said = mmm(
        "loo", "--posterior", folder / "posterior.nc", "--against", tmp_path / "other.nc", "--out", tmp_path
    )
    assert said.returncode == 0, said.stderr
    assert "predicts best" in said.stdout
    assert "other.nc" in said.stdout
    assert len(read_json(tmp_path / "loo.json")["comparison"]) == 2
    assert set(pd.read_csv(tmp_path / "loo.csv").columns) == {"geo", "week", "elpd", "khat"}
    said = mmm("identify", "--posterior", folder / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "What the data could tell" in said.stdout
    assert set(pd.read_csv(tmp_path / "identifiability.csv")["channel"]) == {"tv", "search", "newsletter"}


@pytest.mark.parametrize("link", [False, True])
def test_a_posterior_is_not_compared_with_itself(folder, tmp_path, link):
    """Seen before anything is read: by the path, or by another name of the same file."""
    first = again = folder / "posterior.nc"
    if link:
        again = tmp_path / "again.nc"
        again.symlink_to(first)
    said = mmm("loo", "--posterior", first, "--against", again)
    assert said.returncode == 2
    words = f"{again} and {first} are the same file" if link else f"{first} is given twice"
    assert f"{words}: name another posterior with --against" in said.stderr.replace("\n", " ")


def test_priors_are_shown_before_a_fit(folder, tmp_path):
    said = mmm(
        "prior",
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--draws",
        200,
        "--out",
        tmp_path,
    )
    assert said.returncode == 0, said.stderr
    assert "all media" in said.stdout
    assert len(pd.read_csv(tmp_path / "prior.csv")) == 4
    assert read_json(tmp_path / "prior.json")["channels"][-1]["roi_mean"] is None


@pytest.mark.slow
def test_backtest_and_placebo_refit_and_are_written(folder, tmp_path):
    small = (
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--draws",
        100,
        "--out",
        tmp_path,
    )
    said = mmm("backtest", *small, "--origins", 2, "--horizon", 5)
    assert said.returncode == 0, said.stderr
    assert "all origins" in said.stdout
    assert len(pd.read_csv(tmp_path / "backtest.csv")) == 9
    assert len(pd.read_csv(tmp_path / "backtest_by_horizon.csv")) == 15
    said = mmm("placebo", *small, "--like", "tv")
    assert said.returncode == 0, said.stderr
    facts = read_json(tmp_path / "placebo.json")
    assert facts["like"] == "tv"
    assert facts["words"] in said.stdout
