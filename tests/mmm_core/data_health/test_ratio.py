"""Observations to a parameter, as the review counts them; ADF and KPSS of known series; thresholds of the YAML."""

import numpy as np
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.data_health.ratio import ratio, ratio_of
from mmm_core.data_health.stationarity import stationarity
from mmm_core.errors import SpecError
from mmm_core.posterior.handle import Posterior
from mmm_core.review.breaks import History
from mmm_core.review.subject import Subject
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.data_health.tables import SPEC, panel_of, plain, spec_of
from tests.mmm_core.posteriors import SPEC as FITTED
from tests.mmm_core.posteriors import posterior, weekly_table


def test_terms_that_are_not_shrunk_count_one_each():
    wide = {"seasonality": 1e6, "controls": 1e6}
    spec = spec_of(baseline={"seasonality": {"order": 2}, "shrinkage": wide})
    found = ratio_of(model_data(plain(), spec), spec)
    # intercept, control, four waves; two channels of three shapes each; noise and level
    assert found.terms == pytest.approx(6, abs=0.01)
    assert (found.observations, found.channels, found.shapes) == (126, 2, 6)
    assert found.value == pytest.approx(126 / 16, rel=1e-3)
    fixed = {"adstock": {"l_max": 4, "alpha": 0.5}, "saturation": {"slope": 1.0}}
    spec = spec_of(media={**SPEC["media"], "defaults": fixed})
    assert ratio_of(model_data(plain(), spec), spec).shapes == 2  # half-saturations


def test_it_is_what_the_review_says_of_the_posterior():
    tree = posterior(FITTED)
    spec = parse_spec(FITTED)
    verdict = History(spec.review).run(Subject(Posterior.of(tree)))
    assert ratio_of(model_data(weekly_table(), spec), spec).value == pytest.approx(verdict.figure)


@pytest.mark.parametrize(("least", "verdict"), [(2, "ok"), (20, "warn")])
def test_too_few_weeks_warn_and_fewer_than_parameters_fail(least, verdict):
    spec = spec_of()
    data = model_data(plain(), spec)
    (found,) = ratio(data, spec, DataHealth(observations_per_parameter=least))
    assert found.verdict == verdict
    (found,) = ratio(
        data, spec, DataHealth(observations_per_parameter=40, least_observations_per_parameter=30)
    )
    assert found.verdict == "fail"
    assert "fewer channels and controls, a lower order of season, or fixed shapes" in found.sentence


def test_a_walk_is_warned_of_under_a_level_that_does_not_move():
    table = plain()
    table["revenue"] = 50_000 + 1000 * np.cumsum(np.random.default_rng(0).standard_normal(len(table)))
    (p,) = [f for f in stationarity(panel_of(table)) if (f.subject, f.measure) == ("revenue", "adf_p")]
    assert (p.verdict, p.value > 0.05) == ("ok", True)
    assert "unit root" in p.sentence
    still = panel_of(table, baseline={"level": "constant"})
    (p,) = [f for f in stationarity(still) if (f.subject, f.measure) == ("revenue", "adf_p")]
    assert p.verdict == "warn"
    found = {f.subject: f.sentence for f in stationarity(panel_of(plain())) if f.measure == "adf_p"}
    assert "stationary" in found["revenue"]
    assert set(found) == {"revenue", "tv", "search", "confidence"}


def test_thresholds_are_no_part_of_a_fit_and_refuse_what_contradicts_itself():
    plain_spec = parse_spec(SPEC)
    strict = parse_spec({**SPEC, "data_health": {"outlier": 3}})
    assert plain_spec.data_health == DataHealth()
    assert (strict.data_health.outlier, strict.spec_hash) == (3, plain_spec.spec_hash)
    for wrong, words in (
        ({"correlation": 1.0, "identical": 0.99}, "correlation 1 warns and identical 0.99 refuses"),
        ({"observations_per_parameter": 0.5}, "observations_per_parameter 0.5 warns"),
        ({"spend_to_revenue": [1, 0]}, "write the lower end first"),
        ({"outliers": 3}, "outlier"),
    ):
        with pytest.raises(SpecError, match=words):
            parse_spec({**SPEC, "data_health": wrong})
