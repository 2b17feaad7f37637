"""`mmm calibration`: what is printed, what is written, and what is refused."""

import json

import pandas as pd
import pytest

from mmm_core.errors import DamagedFile
from mmm_core.posterior.schema import LIFT_TESTS, calibrated_by, save_posterior
from tests.mmm_core.agreement.calibrated import calibrated
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.posteriors import posterior


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("calibration")
    save_posterior(calibrated({"tv-1": 1.1, "search-1": 30.0}), root / "posterior.nc")
    save_posterior(posterior(), root / "uncalibrated.nc")
    return root


def test_it_prints_a_row_a_test_and_a_line_a_channel_and_keeps_them(folder):
    said = mmm("calibration", "--posterior", folder / "posterior.nc", "--out", folder / "out")
    assert said.returncode == 0, said.stderr
    assert (
        "small: 1 of 2 lift tests within the 90 % predictive interval of the calibrated model" in said.stdout
    )
    assert "unforeseen: search-1 (search) measured" in said.stdout
    (line,) = (line for line in said.stdout.splitlines() if line.startswith("tv "))
    kept = json.loads((folder / "out" / "calibration.json").read_text())
    assert line == f"tv      {kept['channels']['tv']}"
    assert line.endswith(", by tv-1")
    tests = pd.read_csv(folder / "out" / "calibration.csv")
    assert tests["test_id"].to_list() == ["search-1", "tv-1"]
    assert kept["tests"][0]["unseen_p_value"] == pytest.approx(tests["unseen_p_value"][0])
    assert len(pd.read_csv(folder / "out" / "calibration_roi.csv")) == 3 * 2
    assert (folder / "out" / "calibration.png").stat().st_size > 10_000


def test_each_p_value_stays_beside_what_it_is_of_in_a_narrow_window(folder):
    said = mmm("calibration", "--posterior", folder / "posterior.nc", columns="80")
    assert said.returncode == 0, said.stderr
    first = said.stdout.split("ROI, ")[0]
    headings = [line.split() for line in first.splitlines() if line.strip().startswith("test ")]
    assert len(headings) > 1
    # an interval is headed by "interval", which a line of headings may hold below "90 %"
    assert all(words.count("p") == words.count("interval") for words in headings)
    assert sum(words.count("p") for words in headings) == 3


@pytest.mark.parametrize("evidence", ['{"format": 1', '{"format": 9}', "[]", '{"format": 1, "tests": 3}'])
def test_tests_that_cannot_be_read_any_more_are_refused_with_the_remedy(evidence):
    tree = posterior(draws=4)
    tree.attrs[LIFT_TESTS] = evidence
    with pytest.raises(
        DamagedFile, match=r"posterior of small: the lift tests that it saw cannot be read \(.*fit it "
    ):
        calibrated_by(tree)


def test_a_posterior_without_tests_is_refused_with_the_remedy(folder):
    said = mmm("calibration", "--posterior", folder / "uncalibrated.nc")
    assert said.returncode == 2
    assert "no lift test calibrates the posterior of small: approve some and fit with them" in said.stderr
