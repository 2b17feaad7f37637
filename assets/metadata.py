"""What the UI shows of a table or a figure."""

import base64
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd

MAX_PLOT_BYTES = 110_000
"""Of a picture in the event log, which keeps it as text and by a third longer."""

DESCRIPTIONS = {
    "posterior_version": "hash of the table, the specification, the seed and the code behind the draws",
    "model_version": "version of the registered MLflow model that holds the posterior",
    "week_start": "the week, by the date of the model's table",
    "first_day": "first day of the week, whatever the table's date marks",
    "channel": "media channel",
    "component": "media channel or part of the baseline",
    "metric": "roi, mroi, contribution, contribution_share or spend",
    "mean": "posterior mean",
    "median": "posterior median",
    "sd": "posterior standard deviation",
    "q05": "5 % quantile of the posterior",
    "q95": "95 % quantile of the posterior",
    "spend": "spend over the period of the curve",
    "multiplier": "spend relative to the last comparable period, or to that up to last_week",
    "current_spend": "spend of the last comparable period",
    "recommended_spend": "spend that maximises expected revenue within the bounds",
    "lower": "least spend allowed",
    "upper": "most spend allowed",
    "current_revenue": "expected revenue from the current spend",
    "recommended_revenue": "expected revenue from the recommended spend",
    "recommended_revenue_q05": "5 % quantile of the revenue from the recommended spend",
    "recommended_revenue_q95": "95 % quantile of the revenue from the recommended spend",
    "exposure": "impressions, clicks or spend, as the model's YAML says",
    "adstocked": "exposure carried over, in the channel's mean non-zero week a head",
    "saturated": "response as a share of the channel's ceiling",
    "geo": "geo, or all in a national model",
    "revenue": "revenue of the week",
    "mroi": "of the next unit of spend, in marginal_in",
    "marginal_in": "what mroi is counted in: outcome, risk_adjusted, net (of what spend costs) or probability",
    "held_back_by": "what holds the plan back and what a little more room would bring; the same on every row",
    "gap": "how far the optimum's certificate leaves the plan from the best one",
    "note": "what to know of a channel that was off; empty of the others",
    "last_week": "last week of the period that a multiplier of 1 repeats: the latest, or of a channel that was off its "
    "latest with spend",
    "check_name": "name of the review's check",
    "severity": "ERROR blocks promotion, WARN does not",
    "passed": "whether the figure is within the threshold",
    "figure": "what was measured",
    "threshold": "what it was held against",
    "message": "the finding in words",
    "population": "people in the geo",
}


TYPES = {"O": "text", "f": "double", "i": "bigint", "b": "boolean", "M": "date"}  # by NumPy's kind of a dtype


def rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Figures to six digits: what a person reads, and plots over time; null where there is none."""
    return {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in figures.items()}


def table_metadata(
    table: "pd.DataFrame", about: Mapping[str, str] = DESCRIPTIONS
) -> dict[str, dg.MetadataValue]:
    """Row count and column schema of what a partition holds; `about` says what its columns are."""
    columns = [
        dg.TableColumn(str(name), TYPES.get(kind.kind, str(kind)), description=about.get(str(name)))
        for name, kind in table.dtypes.items()
    ]
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(len(table)),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }


def preview(table: "pd.DataFrame", rows: int = 20, digits: int = 3) -> dg.MetadataValue:
    """The first rows as a Markdown table."""

    def text(value: object) -> str:
        if isinstance(value, float):
            if math.isnan(value):
                return ""
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
        return str(value)

    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * table.shape[1]]
    lines += ["| " + " | ".join(map(text, row)) + " |" for row in table.head(rows).itertuples(index=False)]
    return dg.MetadataValue.md("\n".join(lines))


def plot(image: bytes) -> dg.MetadataValue:
    """A drawn figure, small enough for the event log."""
    from mmm_core.plots.image import smaller

    fits = smaller(image, MAX_PLOT_BYTES)
    if fits is None:
        return dg.MetadataValue.text(f"the figure takes more than {MAX_PLOT_BYTES} bytes: see the MLflow run")
    return dg.MetadataValue.md(f"![](data:image/png;base64,{base64.b64encode(fits).decode()})")
