"""`mmm_posterior`: a version that is there is not fitted again, and a file is what its name says."""

import pytest

from assets.posteriors.mmm_posterior import mmm_posterior
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow


def test_a_version_that_is_there_is_not_fitted_again(unfitted):
    version = unfitted.put_posterior()
    result = unfitted.materialize(mmm_posterior)  # whose fit would fail
    assert result.success
    assert checks(result)["is_what_was_asked_for"].passed
    assert unfitted.posteriors.current(VINTAGE) == version
    assert metadata(result, "mmm_posterior")["fitted"] is False


def test_a_file_that_is_not_what_its_name_says_fails_its_check(unfitted):
    unfitted.put_posterior(attrs={"table": "another", "spec_hash": "other"}, holdout_weeks=4)
    found = checks(unfitted.materialize(mmm_posterior))["is_what_was_asked_for"]
    assert not found.passed
    for words in ("table is another, not ", "spec_hash is other, not ", "the last 4 weeks were held out"):
        assert words in found.description


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
