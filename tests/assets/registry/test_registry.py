"""`registered_model` and `champion`: one version a posterior, and only a reviewed one goes live."""

import dagster as dg
import pandas as pd
import pytest

from assets.allocation.budget_allocation import budget_allocation
from assets.curves.response_curves import response_curves
from assets.curves.roi import roi
from assets.model_inputs.model_table import model_table
from assets.posteriors.backtest import backtest
from assets.posteriors.model_review import model_review
from assets.publish.published_results import refuse_unpromoted
from assets.registry.champion import REVIEWED, RULE, champion
from assets.registry.registered_model import registered_model
from assets.registry.stability import stability
from mmm_core.promotion.gates import ADVICE, COVERAGE
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


AROUND = (model_review, backtest, stability, roi, budget_allocation, model_table)
"""What `champion` reads, and what that is made of."""


def judged(stages, coverage=(), moved=()):
    """Forecasts of earlier weeks and what moved, as `backtest` and `stability` leave them for this posterior.

    Args:
        coverage: of the 90 % intervals of a forecast each, of a 13 weeks' horizon.
        moved: change of each channel's share of the recommended budget since a week before; none of a first week.
    """
    versions = {"posterior_version": stages.posteriors.current(VINTAGE), "model_version": "1"}
    weeks = pd.date_range("2024-06-03", periods=len(coverage), freq="7D")
    scores = pd.DataFrame({"forecast_as_of": weeks, "first_week": weeks, "coverage_90": coverage}).assign(
        horizon=13, crps=1.0, crps_naive=2.0, mape=0.1, mape_naive=0.2, same_specification=True, **versions
    )
    changes = pd.DataFrame({"channel": ["tv", "search"][: len(moved)], "recommended_share_change": moved})
    changes = changes.assign(
        is_within_previous_interval=True,
        roi_change_in_sd=0.1,
        contribution_share_change=0.0,
        previous_week=pd.Timestamp("2025-03-10"),
        **versions,
    )
    for asset, table in (("backtest", scores), ("stability", changes)):
        stages.results.versions(asset).point(VINTAGE, stages.results.keep(asset, VINTAGE, table))


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
    for asset in (response_curves, budget_allocation, roi, stability):
        result = stages.materialize(asset, roi, budget_allocation)
        assert result.success
    assert metadata(result, "stability")["compared_with"] == "no earlier published week"
    result = stages.materialize(backtest, model_table)
    assert "no version of an earlier week was published" in metadata(result, "backtest")["found"]
    assert all(check.passed for check in checks(result).values())
    result = stages.materialize(champion, *AROUND)
    assert checks(result)[REVIEWED].passed
    assert checks(result)[RULE].description.count("not yet") == 5  # a first week is never held back
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1", "champion": "1"}
    assert stages.tracking.client().get_model_version(NAME, "1").tags["promotion"] == "passed"
    kept = stages.results.stored("promotion", VINTAGE)
    assert (len(kept), set(kept["outcome"]), kept["passed"].all()) == (5, {"promoted"}, True)
    assert kept["figure"].isna().all()


def test_a_version_that_misses_a_threshold_is_neither_promoted_nor_published_until_somebody_accepts_it(
    stages,
):
    reviewed(stages, stages.posteriors.current(VINTAGE))
    for asset in (response_curves, budget_allocation):
        assert stages.materialize(asset).success

    def promoted():
        result = stages.materialize(champion, *AROUND)
        tags = stages.tracking.client().get_model_version(NAME, "1").tags
        return result, tags["promotion"], "champion" in stages.tracking.aliases(VINTAGE.model)

    judged(stages, coverage=[0.1, 0.2, 0.1, 0.2], moved=[0.1, -0.1])
    result, tag, live = promoted()
    assert (result.success, tag, live) == (False, f"refused: {COVERAGE}", False)
    said = checks(result)[RULE]
    assert not said.passed
    assert "90 % intervals hold 15% of the weeks" in said.description
    assert "promotion.accepted" in said.description
    assert metadata(result, "champion")["outcome"] == f"not promoted, none is live: refused: {COVERAGE}"
    assert f"| {COVERAGE} | failed | 0.15 |" in metadata(result, "champion")["gates"]
    kept = stages.results.stored("promotion", VINTAGE).set_index("gate")
    assert (set(kept["outcome"]), list(kept.index[~kept["passed"]])) == ({"refused"}, [COVERAGE])
    assert (kept.loc[COVERAGE, "figure"], kept.loc[COVERAGE, "accepted_by"]) == (pytest.approx(0.15), None)

    judged(stages, moved=[0.4, -0.4])
    result, tag, live = promoted()
    assert (result.success, tag, live) == (False, f"refused: {ADVICE}", False)
    assert "40.0% of the recommended budget moved since 2025-03-10" in checks(result)[RULE].description
    with pytest.raises(dg.Failure, match=f"was not promoted .refused: {ADVICE}.: materialize champion"):
        refuse_unpromoted(stages.tracking, VINTAGE, "1")

    word = {"as_of_week": VINTAGE.as_of_week, "by": "team:marketing-science", "why": "the season begins"}
    stages.write_spec(promotion={"accepted": [word]})
    result, tag, live = promoted()
    assert (result.success, live) == (True, True)
    assert tag == f"accepted by team:marketing-science (the season begins) although it fails {ADVICE}"
    refuse_unpromoted(stages.tracking, VINTAGE, "1")
    kept = stages.results.stored("promotion", VINTAGE)
    assert set(kept["outcome"]) == {"accepted"}
    accepted = tag
    assert set(kept["accepted_by"] + ": " + kept["accepted_why"]) == {
        "team:marketing-science: the season begins"
    }

    # a later week goes live, and this one is made again as a past one, which would not be promoted now
    of_this_week = {"key": "as_of_week", "value": VINTAGE.as_of_week}
    of_a_later_week = {"key": "as_of_week", "value": "2025-03-24"}
    stages.write_spec()
    stages.tracking.client().set_model_version_tag(NAME, "1", **of_a_later_week)
    result, tag, _ = promoted()
    assert (result.success, tag) == (True, accepted)
    assert metadata(result, "champion")["outcome"].startswith("was live in its time, as is kept")
    pd.testing.assert_frame_equal(stages.results.stored("promotion", VINTAGE), kept)
    stages.tracking.client().set_model_version_tag(NAME, "1", **of_this_week)

    # what is live stays so, though it would not be promoted now
    stages.write_spec()
    result, tag, live = promoted()
    assert (result.success, live) == (False, True)
    assert metadata(result, "champion")["outcome"].startswith("live already, and stays so: refused")

    # and a past week, behind a champion of a later one, is history: it is told and stops nothing
    stages.tracking.client().set_model_version_tag(NAME, "1", **of_a_later_week)
    result, tag, live = promoted()
    assert (result.success, tag) == (True, f"of a past week: refused: {ADVICE}")
    assert set(stages.results.stored("promotion", VINTAGE)["outcome"]) == {"past week"}


def test_a_failed_review_or_one_of_another_posterior_promotes_nothing(stages):
    reviewed(stages, stages.posteriors.current(VINTAGE), failed="rhat")
    judged(stages)
    assert "not promoted, the review failed: rhat: R-hat is 1.3" in failure(
        stages.materialize(champion, *AROUND)
    )
    reviewed(stages, "another")
    assert "the review is of posterior another" in failure(stages.materialize(champion, *AROUND))
    reviewed(stages, stages.posteriors.current(VINTAGE))
    judged(stages, moved=[0.0])
    stale = stages.results.stored("stability", VINTAGE).assign(posterior_version="another")
    stages.results.versions("stability").point(VINTAGE, stages.results.keep("stability", VINTAGE, stale))
    assert "stability come from another posterior" in failure(stages.materialize(champion, *AROUND))
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1"}
