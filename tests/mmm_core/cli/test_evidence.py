"""`mmm evidence` and `mmm lift-tests`: a scorecard from files, and a file to fill in."""

import pandas as pd
import pytest
import yaml

from mmm_core.evidence.columns import template
from mmm_core.evidence.stored import read_evidence
from mmm_core.posterior.schema import calibrated_by, load_posterior
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.posteriors import SPEC, weekly_table

TESTS = """test_id,market,channels,start_date,end_date,design,incremental_outcome,standard_error,spend_with,\
spend_without
tv-on,us,tv,2024-06-03,2024-06-30,conversion_lift,1500,400,2800,0
search-up,us,search,2024-09-02,2024-09-29,conversion_lift,700,200,1400,700
tv-uk,uk,tv,2024-06-03,2024-06-30,conversion_lift,1500,400,2800,0
"""
APPROVALS = "test_id,by,on\ntv-on,team:science,2024-07-08\ntv-onn,team:science,2024-07-08\n"


@pytest.fixture
def model(tmp_path):
    """A model of market us with approvals, its table beside it."""
    calibration = {"lift_tests": "approved", "approvals": "small.approvals.csv"}
    spec = {**SPEC, "filter": {"market": "us"}, "calibration": calibration}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(spec))
    (tmp_path / "small.approvals.csv").write_text(APPROVALS)
    table = weekly_table().assign(market="us", tv_spend=700.0, search_spend=350.0)
    table.to_csv(tmp_path / "weekly.csv", index=False)
    (tmp_path / "tests.csv").write_text(TESTS)
    return tmp_path


def evidence(folder, *more, tests=True):
    given = ["--lift-tests", folder / "tests.csv"] if tests else []
    return mmm("evidence", "--model", folder / "small.yaml", "--table", folder / "weekly.csv", *given, *more)


def test_the_scorecard_is_printed_and_kept(model, tmp_path):
    said = evidence(model, "--out", tmp_path / "out")
    assert said.returncode == 0, said.stderr
    assert (
        "Lift tests of small as of 2025-03-17: 1 approved, 1 needs review; 1 of market uk left out"
        in said.stdout
    )
    assert "search-up: nobody has approved it: add a line to the approvals file" in said.stdout
    assert "in no file of tests: tv-onn (did you mean 'tv-on'?)" in said.stdout
    table = pd.read_csv(tmp_path / "out" / "evidence.csv")
    assert dict(zip(table["test_id"], table["status"], strict=True)) == {
        "search-up": "needs review", "tv-on": "approved",
    }  # fmt: skip
    kept = read_evidence(tmp_path / "out" / "evidence.json")
    assert [weighed.test.test_id for weighed in kept.tests] == ["tv-on"]
    assert kept.tests[0].inflation == pytest.approx(table["inflation"].iloc[1])


def test_of_no_test_of_the_market_there_is_no_table(model):
    (model / "tests.csv").write_text(
        TESTS.splitlines()[0] + "\n" + TESTS.splitlines()[1].replace(",us,", ",uk,")
    )
    said = evidence(model)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(
        "Lift tests of small as of 2025-03-17: no lift test; 1 of market uk left out\n"
    )
    assert "calibrates with" not in said.stdout


def test_a_prior_by_a_test_that_is_nowhere_is_named(model):
    spec = yaml.safe_load((model / "small.yaml").read_text())
    spec["calibration"]["as_roi_prior"] = ["tv-on", "search-uq"]
    (model / "small.yaml").write_text(yaml.safe_dump(spec))
    said = evidence(model)
    assert said.returncode == 0, said.stderr
    assert (
        "named in `as_roi_prior`, but in no file of tests: search-uq (did you mean 'search-up'?)"
        in said.stdout
    )


def test_an_earlier_week_sees_fewer_tests_and_younger_ones(model):
    said = evidence(model, "--as-of", "2024-07-31")
    assert said.returncode == 0, said.stderr
    assert "Lift tests of small as of 2024-07-29: 1 approved; 1 reported after the as-of week" in said.stdout
    assert "search-up: reported after the as-of week, not seen" in said.stdout
    (model / "small.approvals.csv").write_text(APPROVALS.replace("2024-07-08", "2024-08-05"))
    said = evidence(model, "--as-of", "2024-07-31")
    assert "tv-on: approved on 2024-08-05, and approvals count here up to 2024-08-04" in said.stdout
    assert "1 approved" in evidence(model).stdout


def test_tests_may_lie_beside_the_model(model):
    spec = yaml.safe_load((model / "small.yaml").read_text())
    (model / "own.csv").write_text(TESTS)
    (model / "small.yaml").write_text(
        yaml.safe_dump({**spec, "calibration": {**spec["calibration"], "tests": "own.csv"}})
    )
    assert "1 approved, 1 needs review" in evidence(model, tests=False).stdout
    both = evidence(model)
    assert both.returncode == 2
    assert "is there more than once: take it out of the file beside the model" in both.stderr


def test_what_is_missing_or_refused_is_named(model):
    said = evidence(model, tests=False)
    assert said.returncode == 2
    assert "no lift tests: name a file with --lift-tests" in said.stderr
    (model / "tests.csv").write_text(TESTS.replace("400", "0"))
    said = evidence(model)
    assert said.returncode == 2
    assert "row 2 (test 'tv-on'): column standard_error: 0 is not above 0" in said.stderr
    (model / "small.approvals.csv").unlink()
    (model / "tests.csv").write_text(TESTS)
    said = evidence(model)
    assert said.returncode == 2
    assert "small.approvals.csv is not there: put the file beside the model's YAML" in said.stderr


def test_a_file_to_fill_in(tmp_path):
    assert mmm("lift-tests").stdout == template()
    assert mmm("lift-tests", "--out", tmp_path / "tests.csv").returncode == 0
    assert (tmp_path / "tests.csv").read_text() == template()


@pytest.mark.slow
def test_a_fit_is_calibrated_by_approved_tests_and_says_which_were_not(model):
    spec = yaml.safe_load((model / "small.yaml").read_text())
    engine = {"engine": "laplace", "chains": 2, "draws": 100}
    (model / "small.yaml").write_text(yaml.safe_dump({**spec, "fit": engine}))

    def fitted(out, *more):
        files = ["--model", model / "small.yaml", "--table", model / "weekly.csv", "--out", model / out]
        return mmm("fit", *files, *more)

    without, calibrated = fitted("without"), fitted("with", "--lift-tests", model / "tests.csv")
    assert "not calibrated: small asks for approved lift tests" in without.stdout
    assert "lift tests: 1 approved, 1 needs review" in calibrated.stdout
    assert "search-up, needs review: nobody has approved it" in calibrated.stdout
    plain, seen = (load_posterior(model / out / "posterior.nc") for out in ("without", "with"))
    assert calibrated_by(plain) is None
    assert [each.test.test_id for each in calibrated_by(seen).tests] == ["tv-on"]
    assert [each.test_id for each in calibrated_by(seen).set_aside] == ["search-up"]
    assert abs(seen["posterior"]["roi"].mean() - plain["posterior"]["roi"].mean()) > 0.01


def test_tests_for_a_model_that_asks_for_none_are_refused(model):
    spec = yaml.safe_load((model / "small.yaml").read_text())
    del spec["calibration"]
    (model / "small.yaml").write_text(yaml.safe_dump(spec))
    files = ["--model", model / "small.yaml", "--table", model / "weekly.csv", "--out", model / "out"]
    said = mmm("fit", *files, "--lift-tests", model / "tests.csv")
    assert said.returncode == 2
    assert "add `calibration: {lift_tests: approved}`, or leave --lift-tests out" in " ".join(
        said.stderr.split()
    )
