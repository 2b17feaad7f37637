"""`registered_model` and `champion`: one version a posterior, and only a reviewed one goes live."""

import pandas as pd
import pytest

from assets.allocation.budget_allocation import budget_allocation
from assets.curves.response_curves import response_curves
from assets.posteriors.model_review import model_review
from assets.registry.champion import champion
from assets.registry.registered_model import registered_model
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow

NAME = f"mmm_{VINTAGE.model}"


def reviewed(stages, posterior_version, failed=""):
    """A review's findings in their store, and the tag that goes with them."""
    table = pd.DataFrame(
        {
            "check_name": ["rhat", "r2"],
            "severity": ["ERROR", "WARN"],
            "passed": [not failed, False],
            "message": ["R-hat is 1.3", "R2 is 0.4"],
            "posterior_version": posterior_version,
        }
    )
    version = stages.results.keep("model_review", VINTAGE, table)
    stages.results.versions("model_review").point(VINTAGE, version)
    verdict = f"failed: {failed}" if failed else "passed"
    stages.tracking.client().set_model_version_tag(NAME, "1", "review", verdict)


def test_a_posterior_keeps_its_version(stages):
    result = stages.materialize(registered_model)
    assert metadata(result, "registered_model")["model_version"] == "1"
    assert checks(result)["holds_this_posterior"].passed
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1"}


def test_a_version_that_says_it_is_of_another_table_fails_its_check(stages):
    stages.tracking.client().set_model_version_tag(NAME, "1", "data_version", "another")
    assert not checks(stages.materialize(registered_model))["holds_this_posterior"].passed


def test_a_reviewed_version_goes_live(stages):
    reviewed(stages, stages.posteriors.current(VINTAGE))
    for asset in (response_curves, budget_allocation):
        assert stages.materialize(asset).success
    result = stages.materialize(champion, model_review)
    assert checks(result)["serves_a_reviewed_model"].passed
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1", "champion": "1"}


def test_a_failed_review_or_one_of_another_posterior_promotes_nothing(stages):
    reviewed(stages, stages.posteriors.current(VINTAGE), failed="rhat")
    assert "not promoted, the review failed: rhat: R-hat is 1.3" in failure(
        stages.materialize(champion, model_review)
    )
    reviewed(stages, "another")
    assert "the review is of posterior another" in failure(stages.materialize(champion, model_review))
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1"}
