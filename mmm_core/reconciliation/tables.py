"""A reconciliation as tables: a row a channel, a row a source, a row a pair of sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmm_core.evidence.conversions import z_of
from mmm_core.reconciliation.density import LEVEL, of_tests
from mmm_core.reconciliation.disagreement import ATTRIBUTION, MODEL
from mmm_core.reconciliation.reconcile import ChannelReconciliation, Reconciliation

TABLE = {
    "channel": "media channel",
    "spend": "its spend in the compared weeks",
    "model_roi": "return by the posterior's draws, mean",
    "model_roi_q05": "5 % quantile",
    "model_roi_q95": "95 % quantile",
    "tests_roi": "return by lift tests, in the compared weeks' terms: of those that the posterior has not seen, else "
    "of the others; null without a test",
    "tests_roi_q05": "5 % quantile",
    "tests_roi_q95": "95 % quantile",
    "new_tests": "tests that the posterior has not seen; they enter average and fusion",
    "tests_in_posterior": "tests that it was calibrated with; they enter neither, as the draws hold them",
    "claimed_roi": "what reports claim for a unit of spend; null without a report that is used",
    "attribution_roi": "return that this stands for, its bias taken away, median",
    "attribution_roi_q05": "5 % quantile",
    "attribution_roi_q95": "95 % quantile",
    "bias": "claimed by caused that is expected of a report, from the rule and other channels, median",
    "weight_model": "share of the model in the weighted average",
    "weight_tests": "share of the tests",
    "weight_attribution": "share of attribution",
    "weighted_roi": "weighted average",
    "weighted_roi_q05": "5 % quantile, taken as Normal",
    "weighted_roi_q95": "95 % quantile",
    "fused_roi": "Bayesian fusion, mean",
    "fused_roi_q05": "5 % quantile",
    "fused_roi_q95": "95 % quantile",
    "smallest_p": "smallest p-value of its pairs of sources, with all pairs of the model in mind (Holm)",
    "sources_disagree": "whether that is below the rule's level: average and fusion are then of sources that "
    "contradict each other",
    "verdict": "the same in words, with the pairs",
}
"""Columns of a reconciliation's table, and what they hold."""

SOURCES = {
    "channel": "media channel",
    "kind": "model, test or report",
    "source": "name of the test, or platform, attribution model and window",
    "reported": "return as the source has it: a test's own weeks and change of spend, a report's claim",
    "reported_error": "standard error of it, a test's widened by its score",
    "roi": "the same in the compared weeks' terms; a report's bias is still in it",
    "roi_q05": "5 % quantile",
    "roi_q95": "95 % quantile",
    "used": "whether it enters average and fusion",
    "remark": "why it does not, or what to know of it",
}
"""Columns of the table of sources, and what they hold."""

PAIRS = ("channel", "first", "second", "p_value", "adjusted_p", "disagree", "in_posterior")
IN_THE_POSTERIOR = "already in the posterior"


def channel_table(found: Reconciliation) -> pd.DataFrame:
    """One row a channel, with the columns of `TABLE`."""
    table = pd.DataFrame([_row(channel) for channel in found.channels], columns=list(TABLE))
    table[["new_tests", "tests_in_posterior"]] = table[["new_tests", "tests_in_posterior"]].astype("int64")
    table["sources_disagree"] = table["sources_disagree"].astype(bool)
    text = ("channel", "verdict")
    numbers = [
        name for name in TABLE if name not in (*text, "new_tests", "tests_in_posterior", "sources_disagree")
    ]
    table[numbers] = table[numbers].astype(float)
    return table.astype(dict.fromkeys(text, object))


def pair_table(found: Reconciliation) -> pd.DataFrame:
    """One row a pair of sources, with the columns `PAIRS`."""
    rows = [
        (p.channel, p.first, p.second, p.p, p.adjusted, p.adjusted < found.rule.disagreement, p.seen)
        for p in found.pairs
    ]
    return pd.DataFrame(rows, columns=list(PAIRS))


def source_table(found: Reconciliation) -> pd.DataFrame:
    """One row a source of a channel, with the columns of `SOURCES`."""
    rows = [row for channel in found.channels for row in _sources(channel)]
    return pd.DataFrame(rows, columns=list(SOURCES))


def _row(channel: ChannelReconciliation) -> dict[str, object]:
    low, high = np.quantile(channel.model, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    row: dict[str, object] = dict.fromkeys(TABLE, np.nan)
    row |= {
        "channel": channel.channel,
        "spend": channel.spend,
        "model_roi": channel.model.mean(),
        "model_roi_q05": low,
        "model_roi_q95": high,
        "new_tests": len(channel.new_tests),
        "tests_in_posterior": len(channel.tests) - len(channel.new_tests),
        **{
            f"weight_{name}": channel.weighted.weights.get(name, 0.0)
            for name in (MODEL, "tests", ATTRIBUTION)
        },
        "weighted_roi": channel.weighted.value,
        **_ends("weighted_roi", channel.weighted.interval),
        "fused_roi": channel.fused.mean,
        **_ends("fused_roi", channel.fused.interval),
        "smallest_p": min((pair.adjusted for pair in channel.pairs), default=np.nan),
        "sources_disagree": bool(channel.disagreeing),
        "verdict": channel.verdict,
    }
    if (measured := channel.measured) is not None:
        row |= {"tests_roi": measured.mean, **_ends("tests_roi", measured.interval)}
    if channel.claimed is not None and channel.bias is not None:
        bias = float(np.exp(channel.bias.mean))
        ends = channel.bias.interval(channel.claimed, z_of(LEVEL))
        row |= {"claimed_roi": channel.claimed.roi, "bias": bias}
        row |= {"attribution_roi": channel.bias.corrected(channel.claimed), **_ends("attribution_roi", ends)}
    return row


def _sources(channel: ChannelReconciliation) -> list[dict[str, object]]:
    name = channel.channel
    low, high = np.quantile(channel.model, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean, sd = float(channel.model.mean()), float(channel.model.std())
    rows: list[dict[str, object]] = [
        dict(zip(SOURCES, (name, MODEL, "posterior", mean, sd, mean, low, high, True, ""), strict=True))
    ]
    for test in channel.tests:
        record, measured = test.weighed.test, of_tests([test.likelihood])
        assert measured is not None
        spent = record.incremental_spend
        reported = (
            (record.incremental / spent, test.weighed.standard_error / abs(spent)) if spent else (np.nan,) * 2
        )
        remark = IN_THE_POSTERIOR if test.seen else ""
        if len(record.channels) > 1:
            others = ", ".join(other for other in record.channels if other != name)
            remark = "; ".join(filter(None, (remark, f"tested together with {others}")))
        values = (
            name,
            "test",
            test.test_id,
            *reported,
            measured.mean,
            *measured.interval,
            not test.seen,
            remark,
        )
        rows.append(dict(zip(SOURCES, values, strict=True)))
    for report in channel.reports:
        error = report.roi * report.conversions**-0.5 if report.conversions > 0 else np.nan
        remark = "; ".join(filter(None, (report.doubt, report.remark)))
        values = (
            name,
            "report",
            report.name,
            report.roi,
            error,
            report.roi,
            np.nan,
            np.nan,
            not report.doubt,
            remark,
        )
        rows.append(dict(zip(SOURCES, values, strict=True)))
    return rows


def _ends(name: str, interval: tuple[float, float]) -> dict[str, object]:
    return {f"{name}_q05": interval[0], f"{name}_q95": interval[1]}
