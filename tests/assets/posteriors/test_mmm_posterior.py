"""`mmm_posterior`: a version that is there is not fitted again, and a file is what its name says."""

from datetime import date

import pytest

from assets.posteriors.mmm_posterior import mmm_posterior
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.posterior.integrity import with_digest
from mmm_core.posterior.schema import load_posterior
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow


def test_a_version_that_is_there_is_not_fitted_again(unfitted):
    version = unfitted.put_posterior()
    result = unfitted.materialize(mmm_posterior)  # whose fit would fail
    assert result.success
    assert checks(result)["is_what_was_asked_for"].passed
    assert checks(result)["keeps_its_contract"].passed
    assert unfitted.posteriors.current(VINTAGE) == version
    assert metadata(result, "mmm_posterior")["fitted"] is False


def test_a_file_that_is_not_what_its_name_says_fails_its_check(unfitted):
    unfitted.put_posterior(attrs={"table": "another", "spec_hash": "other"}, holdout_weeks=4)
    found = checks(unfitted.materialize(mmm_posterior))["is_what_was_asked_for"]
    assert not found.passed
    for words in ("table is another, not ", "spec_hash is other, not ", "the last 4 weeks were held out"):
        assert words in found.description


def test_a_file_that_breaks_the_contract_stops_what_reads_it(unfitted):
    """Of other hands: whatever this release writes has kept it."""
    version = unfitted.put_posterior()
    path = unfitted.posteriors.path(VINTAGE, version)
    tree = load_posterior(path)
    tree["posterior"]["sigma"].values[:] = -1.0
    with_digest(tree).to_netcdf(path, engine="h5netcdf")
    found = checks(unfitted.materialize(mmm_posterior))["keeps_its_contract"]
    assert (found.passed, found.blocking) == (False, True)
    assert found.description.startswith("posterior variable sigma: not above 0 in 40 of 40 values: ")


def test_a_fit_that_fails_leaves_no_current_posterior(unfitted):
    result = unfitted.materialize(mmm_posterior)
    assert not result.success
    assert failure(result)
    assert not list((unfitted.folder / "posteriors").rglob("current.json"))


def test_a_damaged_file_is_put_aside_before_the_fit(unfitted):
    version = unfitted.put_posterior()
    path = unfitted.posteriors.path(VINTAGE, version)
    path.write_bytes(path.read_bytes()[:1000])
    assert not unfitted.materialize(mmm_posterior).success  # the fit, which is asked for again
    assert not path.exists()


TV = WeighedTest(
    LiftTest("tv-june", {"tv": TestedSpend(100.0, 0.0)}, date(2024, 6, 3), date(2024, 6, 30), 150.0, 40.0)
)


def test_another_lift_test_makes_another_version(unfitted):
    plain = unfitted.put_posterior()
    found = unfitted.accept(TV)
    calibrated = unfitted.put_posterior(attrs={"lift_tests": found.to_json()})
    assert calibrated != plain
    result = unfitted.materialize(mmm_posterior)
    assert checks(result)["is_what_was_asked_for"].passed
    assert unfitted.posteriors.current(VINTAGE) == calibrated
    assert metadata(result, "mmm_posterior")["lift_tests"] == 1
    unfitted.accept()
    assert unfitted.materialize(mmm_posterior).success
    assert unfitted.posteriors.current(VINTAGE) == plain


def test_a_posterior_that_did_not_see_its_tests_fails_its_check(unfitted):
    unfitted.accept(TV)
    unfitted.put_posterior()  # under the version of a calibrated one
    found = checks(unfitted.materialize(mmm_posterior))["is_what_was_asked_for"]
    assert not found.passed
    assert "its lift tests are none, not those of the evidence" in found.description
