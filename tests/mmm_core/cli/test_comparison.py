"""`mmm compare`."""

import json
import re

import pandas as pd
import pytest

from tests.mmm_core.cli.command import mmm, read_json


@pytest.fixture(scope="module")
def compared(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    said = mmm(
        "compare", "--model", folder / "small.yaml", "--table", folder / "weekly.csv",
        "--engines", "laplace", "pymc", "ridge", "--weeks", 6, "--draws", 100, "--out", out,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    return said, out


@pytest.mark.slow
def test_one_table_one_picture_and_words(compared):
    said, out = compared
    assert "revenue per unit of spend, by engine" in said.stdout
    rows = {line.split()[0]: line for line in said.stdout.splitlines() if line.split()}
    assert re.search(r"channel +laplace +90 % interval +ridge +90 % interval", rows["channel"])
    by = pd.read_csv(out / "engine_returns.csv").set_index(["channel", "engine"])
    for channel in ("tv", "search"):  # a row a channel, so that the engines stand beside each other
        shown = re.findall(r"(\S+) +(\S+) to (\S+)", rows[channel])
        expected = by.loc[channel, ["mean", "q05", "q95"]].loc[["laplace", "ridge"]].to_numpy()
        assert shown == [tuple(f"{value:.2f}" for value in figures) for figures in expected]
    assert "CRPS of 6 weeks" in said.stdout
    assert "pymc (not fitted)" in said.stdout
    assert "pymc: engine pymc cannot fit this specification: baseline.level" in said.stdout
    assert "(last value)" in said.stdout
    assert list(pd.read_csv(out / "engines.csv")["engine"]) == ["laplace", "pymc", "ridge"]
    assert set(pd.read_csv(out / "engine_returns.csv")["channel"]) == {"tv", "search"}
    assert (out / "engines.png").stat().st_size > 10_000
    facts = read_json(out / "engines.json")
    assert facts["holdout_weeks"] == 6
    assert facts["engines"][1]["crps"] is None


@pytest.mark.slow
def test_json_alone_on_standard_output(folder, tmp_path):
    said = mmm(
        "compare", "--model", folder / "small.yaml", "--table", folder / "weekly.csv",
        "--engines", "ridge", "--no-holdout", "--json", "--draws", 100, "--out", tmp_path,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert [row["engine"] for row in json.loads(said.stdout)["engines"]] == ["ridge"]
    assert (tmp_path / "engines.json").is_file()


def test_an_unknown_engine_is_refused(folder):
    said = mmm(
        "compare",
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--engines",
        "numpyro",
        "pimc",
    )
    assert said.returncode == 2
    assert "unknown 'pimc'" in said.stderr
