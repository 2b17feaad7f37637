"""What moves for reasons of its own: a trend and steps beside media."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.returns import long_term_roi
from mmm_core.long_term.settings import minnesota
from mmm_core.long_term.terms import moving, terms_of
from mmm_core.spec.long_term_spec import LongTermRule

WEEKS = pd.date_range("2022-01-03", periods=208, freq="7D")


def rule(**stated):
    return LongTermRule.model_validate({"metrics": ["awareness"], **stated})


def test_a_trend_rises_by_one_a_year_and_a_step_begins_in_the_week_of_its_date():
    found = terms_of(rule(steps={"relaunch": "2023-03-08"}), WEEKS, True)
    assert list(found.columns) == ["trend", "relaunch"]
    assert np.allclose(np.diff(found["trend"]), 1 / 52)
    assert found.loc["2023-02-27", "relaunch"] == 0
    assert found.loc["2023-03-06", "relaunch"] == 1  # a Wednesday's
    assert terms_of(rule(), WEEKS, False) is None


def test_a_step_that_is_to_come_is_no_term_yet():
    found = terms_of(rule(steps={"relaunch": "2023-03-08"}), WEEKS, True)
    assert list(moving(found, WEEKS[:40]).columns) == ["trend"]
    assert moving(terms_of(rule(steps={"relaunch": "2023-03-08"}), WEEKS, False), WEEKS[:40]) is None


@pytest.mark.parametrize("day", [date(2021, 12, 1), date(2022, 1, 5), date(2026, 3, 1)])
def test_a_step_outside_the_weeks_is_refused(day):
    with pytest.raises(
        InputError, match=r"long_term.steps.relaunch is on .* no step in the model's weeks, 2022-01-03"
    ):
        terms_of(rule(steps={"relaunch": day}), WEEKS, False)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"steps": {"trend": "2023-03-08"}}, "'trend' is a term already"),
        ({"unit_root": True, "trend": True}, "may drift as it is"),
        ({"unit_root": True, "steps": {"relaunch": "2023-03-08"}}, "may drift as it is"),
    ],
)
def test_terms_that_cannot_be_are_refused(stated, said):
    with pytest.raises(ValidationError, match=said):
        rule(**stated)


def grown(seed):
    """A base that grows for a reason of its own beside spend that doubles: no effect at all."""
    rng = np.random.default_rng(seed)
    line, base = np.arange(208), np.zeros(208)
    spend = (1 + line / 208) * rng.gamma(16, 1 / 16, 208)
    for week in range(1, 208):
        base[week] = 0.5 * base[week - 1] + rng.standard_normal()
    grows = pd.DataFrame({"base": 100 + base + 0.02 * line}, index=WEEKS)
    return grows, pd.DataFrame({"tv": spend}, index=WEEKS)


def test_a_base_that_grows_beside_spend_that_grows_is_no_effect_with_a_trend():
    """In 40 worlds without an effect a sound reading says "above zero" in two; the data speak for the line in all."""
    line, prior = terms_of(rule(), WEEKS, True), minnesota(LongTermRule(centre={"default": 1.0}))
    above, spoken_for = {"with": 0, "without": 0}, 0
    for seed in range(40):
        variables, spend = grown(seed)
        evidence = {}
        for name, terms in (("with", line), ("without", None)):
            drawn = fit_bvar(variables, spend, terms, lags=2, draws=300, prior=prior, seed=seed)
            above[name] += bool((long_term_roi(drawn) > 0).mean() >= 0.95)
            evidence[name] = drawn.attrs["log_evidence"]
        spoken_for += evidence["with"] > evidence["without"]
    assert above["with"] <= 4
    assert above["without"] >= 20
    assert spoken_for >= 38
