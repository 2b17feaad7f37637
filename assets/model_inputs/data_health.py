"""`data_health`: is the frozen table fit to be modelled? A check a family; one that fails stops the fit."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.metadata import preview, table_metadata
from assets.model_inputs.as_known import marts_of
from assets.model_inputs.delivery import MART, read_delivery
from assets.models import load_model, vintage_of
from assets.resources.stores import VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, check_spec, model_asset, pictures

if TYPE_CHECKING:
    import pandas as pd

    from assets.stage import Figures
    from mmm_core.data_health.report import HealthReport

SHOWN = ["verdict", "family", "subject", "geo", "first_week", "value", "threshold", "sentence"]

CHECKS = {
    "coverage": "Every source delivered the weeks of its channels, the last one too.",
    "missing": "No column has gaps beyond `data_health.missing`.",
    "outliers": "No week is far from the weeks beside it, or the model names it.",
    "level_shifts": "No column changes for good from one week to the next, or the model names it.",
    "spend_share": "Every channel is large enough to be seen, and spend is in the money of the KPI.",
    "activity": "Every channel is on often enough, varies, and does not break off.",
    "unit_cost": "Spend and exposure of a channel belong together.",
    "collinearity": "Channels and controls can be told apart.",
    "stationarity": "No series wanders under a level that does not.",
    "seasonality": "No channel only follows the season.",
    "ratio": "There are weeks enough for so many parameters.",
}
"""A check a family of findings."""

MAY_FAIL = ("missing", "collinearity", "ratio")
"""Families with a threshold from which on nothing is fitted; all other findings warn."""


@model_asset(
    "model_inputs",
    "data_health",
    deps=["model_table", dg.AssetKey(["marts", MART])],
    description=(
        "Diagnostics of the frozen table before any fit: coverage by source, gaps, outliers, shifts of level, spend, "
        "activity, collinearity, stationarity, season and observations to a parameter, each figure held against the "
        "threshold of the model's `data_health:` (`mmm_core.data_health.report.data_health`). Findings warn; gaps, one "
        "series under two names or fewer weeks than parameters stop the fit. The next build of the reporting "
        "marts puts "
        "them into `rpt_data_health`.\n\nGrain: one row a finding."
    ),
    kinds={"duckdb", "parquet"},
    pool=POOL,
    code_version=code_version(__name__, "data_health.report", "plots.data_health"),
    io_manager_key="results",
    check_specs=[
        check_spec(family, "data_health", meaning, blocking=family in MAY_FAIL)
        for family, meaning in CHECKS.items()
    ],
)
def data_health(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    vintages: dg.ResourceParam[VintageStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.data.reader import read_table
    from mmm_core.data.table import fingerprint
    from mmm_core.data_health.finding import TABLE
    from mmm_core.data_health.report import data_health as examine

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)  # thresholds as the YAML has them now
    table_version = vintages.current(vintage)
    source = vintages.checked(vintage, table_version)
    delivery = read_delivery(marts_of(warehouse, vintages, vintage), spec, vintage)
    report = examine(read_table(source), spec, str(source), delivery)
    table = report.table().assign(table_version=table_version)
    version = fingerprint(table)
    shown = table[table["verdict"] != "ok"]
    with tracking.run(
        context, vintage, required=False, spec_hash=spec.spec_hash, data_version=version
    ) as run:
        run.log(
            metrics={
                f"findings/{verdict}": int((table["verdict"] == verdict).sum())
                for verdict in ("ok", "warn", "fail")
            }
        )
        run.table(table, "data_health")
        drawn = pictures(context, run, _figures(report, delivery))
    return dg.MaterializeResult(
        value=table,
        data_version=dg.DataVersion(version),
        metadata={
            **table_metadata(table, TABLE),
            "found": report.words,
            "table": preview(shown[SHOWN], rows=50),
            **drawn,
            "table_version": table_version,
            **run.metadata,
        },
        check_results=[_of_family(report, family) for family in CHECKS],
    )


def _figures(report: "HealthReport", delivery: "pd.DataFrame | None") -> "Figures":
    from mmm_core.plots import data_health as plots

    figures = {"series": lambda: plots.series(report)}
    if len(report.panel.media) + len(report.panel.levers) > 1:
        figures["correlations"] = lambda: plots.together(report)
    if delivery is not None:
        figures["delivery"] = lambda: plots.delivered(report, delivery)
    return figures


def _of_family(report: "HealthReport", family: str) -> dg.AssetCheckResult:
    from mmm_core.data_health.finding import NOTHING

    found, verdict = report.of(family), report.verdict(family)
    flagged = [finding.sentence for finding in report.flagged if finding.family == family]
    words = "\n".join(flagged[:10]) + (f"\nand {len(flagged) - 10} more" if len(flagged) > 10 else "")
    return check(
        family,
        verdict == "ok",
        words
        or (
            f"{len(found)} findings, all as they should be"
            if found
            else f"nothing to judge it by: {NOTHING[family]}"
        ),
        severity=dg.AssetCheckSeverity.ERROR if verdict == "fail" else dg.AssetCheckSeverity.WARN,
        findings=len(found),
        to_look_at=len(flagged),
    )
