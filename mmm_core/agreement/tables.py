"""The tables of what lift tests moved: their columns, and the words a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

ALL_TESTS = "all tests"
"""What `left_out` says of the posterior before any test."""

STAGES = {
    "uncalibrated": "before any test",
    "unseen": "with every test but this one",
    "calibrated": "with every test",
}
"""The three posteriors that a test is held against."""

TESTS: dict[str, str] = {
    "test_id": "name of the test",
    "channels": "tested channels, separated by ';'",
    "geos": "tested geos, separated by ';'; 'all' where it covered every one",
    "start_date": "first day on which spend differed",
    "end_date": "last day on which spend differed",
    "outcome": "what was measured: revenue or kpi",
    "incremental_spend": "spend that was tested; negative where it was cut",
    "measured": "outcome with what happened less outcome without the test, as it was reported",
    "calibrating_error": "standard error with which it enters the model",
    **{
        f"{stage}_{name}": meaning.format(model=model)
        for stage, model in STAGES.items()
        for name, meaning in {
            "lift": "what the model {model} says the test measures, without error: posterior mean",
            "lift_q05": "5 % quantile of the same",
            "lift_q95": "95 % quantile of the same",
            "low": "5 % quantile of what it would measure, its error included, by the model {model}",
            "high": "95 % quantile of the same",
            "p_value": "two-sided probability of a result at least as far out, by the model {model}",
            "roi": "ROI of its channels together in the model {model}: posterior mean",
            "roi_q05": "5 % quantile of the same",
            "roi_q95": "95 % quantile of the same",
        }.items()
    },
    "inside_90": "whether what was measured lies within the 90 % predictive interval of the calibrated model",
    "uncalibrated_method": "how the model before any test was reached: weights of the draws, a refit, or unknown",
    "unseen_method": "how the model without this test was reached: weights of the draws, a refit, or unknown",
    "unseen_khat": "Pareto k-hat of the weights that leave it out; a refit takes their place where it is too high",
}

ROI: dict[str, str] = {
    "left_out": "the test whose part in the calibration this is, or 'all tests'",
    "channel": "media channel",
    "tested": "whether what was left out tested this channel",
    "roi_without": "ROI of the model without it: posterior mean",
    "roi_without_q05": "5 % quantile of the same",
    "roi_without_q95": "95 % quantile of the same",
    "roi_with": "ROI of the calibrated model: posterior mean",
    "roi_with_q05": "5 % quantile of the same",
    "roi_with_q95": "95 % quantile of the same",
    "shift": "roi_with less roi_without, in posterior standard deviations of the latter",
    "method": "how the model without it was reached: weights of the draws, a refit, or unknown",
}

_TEXT = {
    "test_id", "channels", "geos", "outcome", "uncalibrated_method", "unseen_method", "left_out", "channel", "method",
}  # fmt: skip
_DAYS = {"start_date", "end_date"}
_TRUTHS = {"inside_90", "tested"}


def typed(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a table whose columns have their types, also where there is none."""
    table = pd.DataFrame(rows, columns=list(columns))
    for column in columns:
        if column in _DAYS:
            table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
        elif column in _TRUTHS:
            table[column] = table[column].astype(bool)
        else:
            table[column] = table[column].astype(object if column in _TEXT else float)
    return table


def flat(tests: pd.DataFrame, roi: pd.DataFrame) -> pd.DataFrame:
    """Both tables as one: a row a channel and what was left out, with the figures of the test that was.

    Those columns are empty where all tests were left out. The test's name is `left_out`.
    """
    joined = roi.merge(tests, how="left", left_on="left_out", right_on="test_id").drop(columns="test_id")
    return joined.astype({"inside_90": object})
