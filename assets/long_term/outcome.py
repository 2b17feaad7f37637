"""What the assets of the long term have in common: their results, empty where a model has no long term, and labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import load_model
from assets.resources.results import RESULT_TABLES
from assets.stage import Stage, check

if TYPE_CHECKING:
    import pandas as pd

    from assets.stage import Figures
    from mmm_core.long_term.stage import LongTerm

ABOUT = {
    "channel": "media channel",
    "effect": "short: within the model's carryover; long: by way of the brand; total: both; long_run: without end; "
    "permanent: each week, for good",
    "path": "where a long-term effect enters base sales: a brand metric, directly, or all of them",
    "horizon_weeks": "weeks after the spend that are counted",
    "discount": "a year's rate, 0.1 is 10 %",
    "mean": "posterior mean of the revenue per unit of spend",
    "positive": "share of draws above 0; empty where over 5 % of them have no such figure",
    "returns": "what a return is",
    "kind": "media: spend of an average week; shock: one standard deviation of a variable's own",
    "cause": "channel or variable",
    "size": "that spend, or that standard deviation",
    "response": "brand metric, or base sales",
    "weeks_after": "weeks after the cause",
    "unit": "points of a share, or the KPI",
    "metric": "brand metric",
    "week_start": "first day of the week",
    "median": "posterior median",
    "sd": "posterior standard deviation",
    "q05": "5 % quantile of the posterior",
    "q95": "95 % quantile of the posterior",
    "surveyed": "share of the respondents of that week's waves; empty where there was none",
    "sample": "respondents of that week's waves",
    "long_term_version": "hash of the posterior, the surveys, the YAML's long_term and the code behind the draws",
    "posterior_version": "hash of the table, the specification, the seed and the code behind the short-term draws",
    "model_version": "version of the registered MLflow model that holds the short-term posterior",
}
NO_MODEL = "bvar_posterior has no long-term posterior of this vintage; its check says why"
PANDAS_TYPES = {
    "VARCHAR": "object",
    "DOUBLE": "float64",
    "BOOLEAN": "boolean",
    "BIGINT": "Int64",
    "DATE": "datetime64[ns]",
}
LABELS = ("model", "as_of_week", "posterior_version", "model_version", "long_term_version")


def reason_to_skip(model: str) -> str:
    """Why a vintage without a long-term posterior has none, in words."""
    from mmm_core.long_term.stage import skip_reason

    return skip_reason(load_model(model)) or NO_MODEL


def empty(table: str) -> "pd.DataFrame":
    """No rows of a table of `results`, its labels left to the stage."""
    import pandas as pd

    columns = {name: PANDAS_TYPES[kind] for name, kind in RESULT_TABLES[table].items() if name not in LABELS}
    return pd.DataFrame(columns=list(columns)).astype(columns)


def skipped(run: Stage, table: str, checks: Sequence[str]) -> dg.MaterializeResult:
    """The result of a vintage that has no long term: no rows, and why. Its checks pass: nothing is wrong here."""
    why = reason_to_skip(run.vintage.model)
    run.context.log.info(f"skipped: {why}")
    return run.result(
        run.labelled(empty(table)).assign(long_term_version=""),
        [check(name, True, f"skipped: {why}") for name in checks],
        metadata={"skipped": why},
        about=ABOUT,
    )


def read_from(
    run: Stage,
    found: "LongTerm",
    version: str,
    table: "pd.DataFrame",
    checks: Sequence[dg.AssetCheckResult],
    figures: "Figures",
    shown: "pd.DataFrame",
    metadata: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """The result of a vintage that has one: the table with its versions, pictures, and what a reader should know."""
    notes = dg.MetadataValue.md("\n".join(f"* {note}" for note in found.notes) or "nothing of note")
    run.run.tag(long_term_version=version)
    return run.result(
        run.labelled(table).assign(long_term_version=version),
        checks,
        figures,
        shown=shown,
        metadata={"notes": notes, "long_term_version": version, **(metadata or {})},
        about=ABOUT,
    )
