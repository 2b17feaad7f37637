"""Which form of autoregression a model has: of those that its rule leaves open, what its data speak for most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.long_term.base import plugged_in, with_metrics
from mmm_core.long_term.choice import tracked_evidence
from mmm_core.long_term.settings import differenced, minnesota
from mmm_core.long_term.terms import terms_of
from mmm_core.long_term.tracked import task_of
from mmm_core.long_term.waves import Surveys
from mmm_core.spec.long_term_spec import LongTermRule


class Form(NamedTuple):
    """What an autoregression is made of beside its variables and media."""

    lags: int
    trend: bool


def evidence_of_forms(
    base: xr.Dataset, seen: Surveys, media: pd.DataFrame, weeks: pd.DatetimeIndex, rule: LongTermRule
) -> dict[Form, float]:
    """log evidence of each form that the rule leaves open, base sales measured by the mean of their draws."""
    measured, sd = (plugged_in(with_metrics(base[name], {})) for name in ("measured", "sd"))

    task = task_of(measured, seen.by_metric, media, noise=sd, differenced=differenced(rule), seed=rule.seed)
    forms = forms_of(rule)
    tasks = {trend: task.with_terms(terms_of(rule, weeks, trend)) for trend in {form.trend for form in forms}}
    evidence = tracked_evidence(
        [(tasks[form.trend], form.lags) for form in forms], rule.media_lags, minnesota(rule), rule.seed
    )
    return dict(zip(forms, evidence.tolist(), strict=True))


def forms_of(rule: LongTermRule) -> list[Form]:
    """The forms that a rule leaves open: each differs from the one before it in one thing."""
    trends = [rule.trend is True] if rule.unit_root or rule.trend != "auto" else [False, True]
    out: list[Form] = []
    for number, lags in enumerate(sorted(rule.lags)):
        out += [Form(lags, trend) for trend in trends[:: -1 if number % 2 else 1]]
    return out


def form_in_words(evidence: Mapping[Form, float], best: Form) -> list[str]:
    """Which form was taken, and how much less the data speak for the others."""
    said = []
    others = {
        form.lags: value - evidence[best] for form, value in evidence.items() if form.trend == best.trend
    }
    others.pop(best.lags)
    if others:
        odds = ", ".join(f"{lags} ({np.exp(value):.2g})" for lags, value in others.items())
        said.append(
            f"lags: {best.lags}, which the data speak for most; beside it they are so many times as likely with {odds}"
        )
    other = Form(best.lags, not best.trend)
    if other in evidence:
        odds = f"{np.exp(evidence[other] - evidence[best]):.2g}"
        said.append(
            f"trend: a straight line is in every variable: without one the data are {odds} times as likely; an effect "
            "is read off what departs from it"
            if best.trend
            else f"trend: none; with a straight line in every variable the data are {odds} times as likely"
        )
    return said
