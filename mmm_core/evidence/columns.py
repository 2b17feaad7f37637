"""The columns of a table of lift tests: one row a test, the same in a file, the landing folder and the mart."""

from __future__ import annotations

from mmm_core.data.file_columns import FileColumn, template_of

COLUMNS = (
    FileColumn("test_id", "name of the test, unique", required=True, example="2025-q1-tv-holdout"),
    FileColumn("market", "market it ran in, as the model's `filter: {market: ...}` has it", example="uk"),
    FileColumn("channels", "channels that were tested, separated by ';'", required=True, example="tv"),
    FileColumn("geos", "geos that were treated, separated by ';'; 'all' or blank: every geo", example="g01;g02"),
    FileColumn(
        "population_share",
        "of a national model: share of its outcome that the tested area stands for, above 0 and up to 1",
        "number",
    ),
    FileColumn("start_date", "first day on which spend differed", "day", True, "2025-01-06"),
    FileColumn("end_date", "last day on which spend differed", "day", True, "2025-02-02"),
    FileColumn(
        "post_weeks", "whole weeks after the week of end_date in which the outcome still counted", "number", example="2"
    ),
    FileColumn("design", "how it was run", required=True, example="geo_holdout"),
    FileColumn("outcome", "what was measured: revenue (default) or kpi (units)", example="revenue"),
    FileColumn(
        "incremental_outcome",
        "outcome with what happened less outcome without the test; negative where spend was cut",
        "number",
        example="-41200",
    ),
    FileColumn("roi", "in its place: that difference by the difference in spend", "number"),
    FileColumn("cost_per_target", "in its place: spend tested by the units of the KPI that it brought", "number"),
    FileColumn("standard_error", "standard error of whichever of the three is stated", "number", example="9800"),
    FileColumn("interval_low", "in its place: lower end of an interval of it", "number"),
    FileColumn("interval_high", "upper end of the interval", "number"),
    FileColumn("interval_level", "probability that the interval holds the truth, such as 0.9", "number"),
    FileColumn("spend_with", "spend of the tested channels in the tested geos and days; ';' between channels",
               required=True, example="0"),
    FileColumn("spend_without", "the same had there been no test: 0 where the test switched a channel on",
               required=True, example="63500"),
    FileColumn(
        "weekly_spend_without",
        "the same week by week, blanks between weeks, ';' between channels; blank: in the shape of what was spent",
    ),
    FileColumn("currency", "currency of spend and revenue, ISO 4217; blank: that of the model's table", example="USD"),
    FileColumn("source", "who measured it", example="geo experiment team"),
    FileColumn("reported_date", "day on which the result was known; blank: the last day measured", "day",
               example="2025-02-24"),
    FileColumn(
        "pre_period_error",
        "how far the comparison missed before the test: mean absolute error as a share of the outcome",
        "number",
        example="0.04",
    ),
    FileColumn("status", "what its source says of it: approved, needs review (or pending), rejected",
               example="approved"),
)  # fmt: skip

NAMES = tuple(column.name for column in COLUMNS)


def template() -> str:
    """A CSV to fill in: the header, and a row that is an example."""
    return template_of(COLUMNS)
