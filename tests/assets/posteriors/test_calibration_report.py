"""`calibration_report`: what the fit's process left is shown, checked and kept; a model without tests says so."""

import pytest

from assets.posteriors.calibration_report import calibration_report
from assets.posteriors.mmm_posterior import mmm_posterior
from assets.registry.registered_model import registered_model
from mmm_core.agreement.report import calibration_report as report_of
from mmm_core.agreement.stored import to_json
from mmm_core.files import write_checked
from mmm_core.posterior.schema import calibrated_by
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure
from tests.mmm_core.agreement.calibrated import calibrated

pytestmark = pytest.mark.slow


@pytest.fixture
def tested(unfitted):
    """A registered posterior that saw a sound test and one that is thirty times what search does, and its report."""
    tree = calibrated({"tv-1": 1.1, "search-1": 30.0}, SMALL)
    evidence = unfitted.accept(*calibrated_by(tree).tests)
    version = unfitted.put_posterior(draws=1000, attrs={"lift_tests": evidence.to_json()})
    for asset in (mmm_posterior, registered_model):
        assert unfitted.materialize(asset).success
    text = to_json(report_of(tree))
    write_checked(unfitted.posteriors.report_path(VINTAGE, version), lambda partial: partial.write_text(text))
    return unfitted


def test_a_result_that_was_not_foreseen_is_named_by_its_check_and_everything_is_shown(tested):
    result = tested.materialize(calibration_report)  # whose process would fail
    assert result.success
    found = checks(result)
    assert not found["tests_were_foreseen"].passed
    assert found["tests_were_foreseen"].description.startswith("search-1 (search) measured ")
    assert found["tests_were_foreseen"].severity.value == "WARN"
    shown = metadata(result, "calibration_report")
    assert shown["found"].startswith("1 of 2 lift tests within")
    assert "* tv: ROI " in shown["moved"]
    assert shown["tests"] == 2
    assert "| search-1 |" in shown["table"]
    assert shown["calibration"].startswith("![](data:image/png;base64,")
    kept = tested.results.read("calibration_report", VINTAGE)
    assert set(kept["left_out"]) == {"all tests", "tv-1", "search-1"}
    assert set(kept["posterior_version"]) == {tested.posteriors.current(VINTAGE)}
    (run,) = tested.tracking.client().search_runs(
        [tested.tracking.client().get_experiment_by_name(f"mmm/{VINTAGE.model}").experiment_id],
        "tags.asset_key = 'calibration_report'",
    )
    artifacts = {file.path for file in tested.tracking.client().list_artifacts(run.info.run_id)}
    assert any("calibration" in path for path in artifacts)


def test_what_was_not_made_or_is_damaged_is_asked_of_a_process(tested):
    path = tested.posteriors.report_path(VINTAGE, tested.posteriors.current(VINTAGE))
    path.write_text(path.read_text()[:-100])
    assert failure(tested.materialize(calibration_report))  # of the process, which fails here
    assert not path.exists()


def test_without_tests_it_is_empty_and_says_so(stages):
    result = stages.materialize(calibration_report)
    assert result.success
    assert all(check.passed for check in checks(result).values())
    assert metadata(result, "calibration_report")["found"] == "no lift test calibrates this model"
    assert stages.results.read("calibration_report", VINTAGE).empty
