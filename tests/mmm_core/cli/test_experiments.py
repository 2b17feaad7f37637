"""`mmm experiments`: a ranking, its files, and what is refused."""

import pandas as pd
import pytest
import yaml

from mmm_core.evidence.columns import NAMES
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import SPEC

pytestmark = pytest.mark.slow


def test_experiments_are_ranked_and_the_best_of_each_channel_is_a_test_to_fill_in(folder, tmp_path):
    asked = {"weeks": [4, 6], "changes": [-1, 0.5], "shares": [0.25], "horizon_weeks": 26}
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({**SPEC, "experiments": asked}))
    said = mmm(
        "experiments", "--posterior", folder / "posterior.nc", "--model", tmp_path / "asked.yaml", "--weeks", "4",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "the best of 4 designs for each channel" in said.stdout
    assert "gain of the budget decisions of 26 weeks" in said.stdout
    assert "most worth running" in said.stdout or "none is worth more than it costs" in said.stdout
    table = pd.read_csv(tmp_path / "out" / "experiments.csv")
    assert set(table["channel"]) == {"tv", "search"}
    assert list(table["rank"]) == [1, 2, 3, 4]
    assert set(table["weeks"]) == {4}
    facts = read_json(tmp_path / "out" / "experiments.json")
    assert facts["horizon_weeks"] == 26
    assert len(facts["experiments"]) == 4
    design = pd.read_csv(tmp_path / "out" / "lift_tests_to_fill_in.csv")
    assert tuple(design.columns) == NAMES
    assert design["test_id"][0] == table["experiment"][0]
    assert design["incremental_outcome"].isna().all()
    assert (tmp_path / "out" / "experiments.png").stat().st_size > 10_000

    refused = mmm("experiments", "--posterior", folder / "posterior.nc", "--change", "0", "--share", "1.5")
    assert refused.returncode == 2
    words = " ".join(refused.stderr.split())
    assert "a change of 0 is no experiment" in words
    assert "shares.0: write a number above 0 and of at most 1, got 1.5" in words
