"""What the tests moved: by hand-made draws and weights, in any order, in words, and back from a file."""

import json

import numpy as np
import pandas as pd
import pytest

from mmm_core.agreement.left_out import importance_weights, result_density
from mmm_core.agreement.moves import channel_moves, summary, unforeseen, unknown
from mmm_core.agreement.report import calibration_report, require_tests
from mmm_core.agreement.stored import read_report, to_json
from mmm_core.agreement.tables import ALL_TESTS, ROI, TESTS
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.effects.roi import roi_draws, roi_table
from mmm_core.errors import DamagedFile, InputError
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.posterior.schema import LIFT_TESTS, calibrated_by
from mmm_core.spec.calibration_spec import Calibration
from tests.mmm_core.agreement.calibrated import calibrated, lift_test
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


@pytest.fixture(scope="module")
def tree():
    """Two sound tests, and one of search that says thirty times what search does."""
    return calibrated({"tv-1": 1.1, "tv-2": 0.9, "search-1": 30.0})


@pytest.fixture(scope="module")
def report(tree):
    return calibration_report(tree)


def test_a_test_is_predicted_by_the_draws_weighted_to_be_without_it(tree, report):
    (weighed,) = (each for each in calibrated_by(tree).tests if each.test.test_id == "tv-1")
    lifts = replayed_tests(tree, [weighed]).to_numpy()[:, 0]
    weights, khat = importance_weights(
        result_density(lifts, weighed, ResultNoise.of(Calibration())), chains=2
    )
    row = report.tests.set_index("test_id").loc["tv-1"]
    assert row["unseen_method"] == "weights"
    assert row["unseen_khat"] == pytest.approx(khat)
    assert row["unseen_lift"] == pytest.approx(weights @ lifts)
    assert row["calibrated_lift"] == pytest.approx(lifts.mean())
    roi = roi_draws(tree)["roi"].sel(channel="tv").to_numpy()
    assert row["unseen_roi"] == pytest.approx(weights @ roi)
    search = roi_draws(tree)["roi"].sel(channel="search").to_numpy()
    moved = report.roi.set_index(["left_out", "channel"]).loc[("tv-1", "search")]
    assert not moved["tested"]
    assert moved["roi_without"] == pytest.approx(weights @ search)
    sd = np.sqrt(weights @ (search - weights @ search) ** 2)
    assert moved["shift"] == pytest.approx((search.mean() - weights @ search) / sd)


def test_with_every_test_the_roi_is_that_of_the_roi_table(tree, report):
    expected = roi_table(tree).query("metric == 'roi'").set_index("channel")
    found = report.roi[report.roi["left_out"] == ALL_TESTS].set_index("channel")
    for channel in ("tv", "search"):
        for ours, theirs in (("roi_with", "mean"), ("roi_with_q05", "q05"), ("roi_with_q95", "q95")):
            assert found.loc[channel, ours] == pytest.approx(expected.loc[channel, theirs])


def test_a_result_far_from_the_truth_is_flagged_and_named(report):
    (words,) = unforeseen(report.tests)
    assert words.startswith("search-1 (search) measured ")
    assert "look at its read-out, then at what the model has of search" in words
    rows = report.tests.set_index("test_id")
    assert rows.loc["search-1", "unseen_p_value"] < 1e-3
    assert not rows.loc["search-1", "inside_90"]
    assert rows.loc[["tv-1", "tv-2"], "inside_90"].all()
    assert summary(report.tests).startswith("2 of 3 lift tests within")


def test_the_order_of_tests_changes_nothing(tree, report):
    body = json.loads(tree.attrs[LIFT_TESTS])
    other = tree.copy()
    other.attrs[LIFT_TESTS] = json.dumps({**body, "tests": body["tests"][::-1]})
    again = calibration_report(other)
    pd.testing.assert_frame_equal(again.tests, report.tests, check_exact=True)
    pd.testing.assert_frame_equal(again.roi, report.roi, check_exact=True)


def test_leaving_out_the_only_test_is_the_model_before_any():
    report = calibration_report(calibrated({"tv-1": 1.2}))
    (row,) = report.tests.to_dict("records")
    for name in ("lift", "low", "high", "p_value", "roi"):
        assert row[f"uncalibrated_{name}"] == row[f"unseen_{name}"] != row[f"calibrated_{name}"]
    without = [report.roi[report.roi["left_out"] == which].iloc[:, 2:] for which in (ALL_TESTS, "tv-1")]
    np.testing.assert_array_equal(*without)


def test_channels_of_one_test_have_one_return_together():
    tree = calibrated({"tv-1": 1.0})
    evidence = calibrated_by(tree)
    both = lift_test(evidence.tests[0].test.incremental, 1e6, "both", ("tv", "search"))
    tree.attrs[LIFT_TESTS] = type(evidence)("small", evidence.as_of, (both,)).to_json()
    report = calibration_report(tree)
    metrics = roi_draws(tree).sel(channel=["tv", "search"])
    together = metrics["contribution"].sum("channel") / metrics["spend"].sum("channel")
    (row,) = report.tests.to_dict("records")
    assert row["channels"] == "tv;search"
    assert row["calibrated_roi"] == pytest.approx(float(together.mean()))
    assert [move.own for move in channel_moves(report.roi)] == [("both",), ("both",)]


def test_a_line_a_channel_says_what_moved_it(report):
    roi = report.roi.copy()
    other = (roi["left_out"] == "search-1") & (roi["channel"] == "tv")
    tv, search = channel_moves(roi)
    assert (tv.channel, tv.own, tv.others) == ("tv", ("tv-1", "tv-2"), ())
    assert tv.words.startswith(f"ROI {tv.before[0]:.2f} ({tv.before[1]:.2f} to ")
    assert tv.words.endswith(", by tv-1, tv-2")
    assert search.own == ("search-1",)
    roi.loc[other, "shift"] = -0.6
    assert channel_moves(roi)[0].words.endswith(", by tv-1, tv-2, moved with search-1")
    roi.loc[roi["channel"] == "tv", "tested"] = False
    assert ", no test of its own, moved with search-1" in channel_moves(roi)[0].words


def test_what_could_not_be_told_is_unknown_and_not_a_figure():
    report = calibration_report(
        calibrated({"tv-1": 30.0, "tv-2": 1.0}, {**SPEC, "calibration": {"likelihood": "normal"}})
    )
    assert unknown(report.tests) == ["tv-1"]
    rows = report.tests.set_index("test_id")
    assert np.isnan(rows.loc["tv-1", "unseen_lift"])
    assert np.isnan(rows.loc["tv-1", "unseen_roi"])
    assert rows.loc["tv-2", "unseen_method"] == "weights"
    assert "ROI unknown -> " in channel_moves(report.roi)[0].words


def test_a_posterior_that_saw_no_test_has_an_empty_report():
    tree = posterior()
    report = calibration_report(tree)
    assert (list(report.tests), list(report.roi)) == (list(TESTS), list(ROI))
    assert report.tests.empty
    assert channel_moves(report.roi) == []
    assert unforeseen(report.tests) == []
    assert summary(report.tests) == "no lift test calibrates this model"
    with pytest.raises(InputError, match="no lift test calibrates the posterior of small"):
        require_tests(tree)


def test_another_table_is_refused(tree):
    with pytest.raises(InputError, match="is not the table that the posterior was fitted on"):
        calibration_report(tree, weekly_table(seed=5))


def test_a_report_reads_back_exactly_and_a_damaged_one_is_named(report, tmp_path):
    path = tmp_path / "report.json"
    for each in (report, calibration_report(posterior())):
        path.write_text(to_json(each))
        found = read_report(path)
        pd.testing.assert_frame_equal(found.tests, each.tests, check_exact=True)
        pd.testing.assert_frame_equal(found.roi, each.roi, check_exact=True)
        assert (found.model, found.returns, found.approximate) == (each.model, each.returns, each.approximate)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DamagedFile, match=r"report.json: is no report of lift tests .*make it again"):
        read_report(path)
