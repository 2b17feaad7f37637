"""Which column came from which, of queries whose answer is plain to see."""

import pytest

from assets.marts.column_lineage import column_lineage

COLUMNS = {
    '"w"."raw"."ads"': {"day": "DATE", "spend": "DOUBLE", "clicks": "BIGINT"},
    '"w"."raw"."tv"': {"clicks": "BIGINT", "cost": "DOUBLE", "day": "DATE"},
    '"w"."raw"."notes"': {"day": "DATE", "note": "VARCHAR"},
}
TABLES = {'"w"."raw"."ads"': "ads", '"w"."raw"."tv"': "tv"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select day, spend / clicks as cost_per_click, 1 as one from w.raw.ads",
            {"day": ["ads.day"], "cost_per_click": ["ads.clicks", "ads.spend"], "one": []},
        ),
        ("select * from w.raw.ads", {name: [f"ads.{name}"] for name in ("day", "spend", "clicks")}),
        (
            "with a as (select day as d, sum(spend) as s from w.raw.ads group by all) "
            "select D, s - lag(s) over (order by d) as change from a",
            {"d": ["ads.day"], "change": ["ads.day", "ads.spend"]},
        ),
        (
            "select day, b.cost from w.raw.ads as a join w.raw.tv as b using (day)",
            {"day": ["ads.day", "tv.day"], "cost": ["tv.cost"]},
        ),
        (
            "select day, spend from w.raw.ads union all select day, cost from w.raw.tv",
            {"day": ["ads.day", "tv.day"], "spend": ["ads.spend", "tv.cost"]},
        ),
        (  # columns of other places and of one side alone
            "select * from w.raw.ads union all by name select * from w.raw.tv",
            {
                "day": ["ads.day", "tv.day"],
                "spend": ["ads.spend"],
                "clicks": ["ads.clicks", "tv.clicks"],
                "cost": ["tv.cost"],
            },
        ),
        (
            "with u as ((select day, spend from w.raw.ads union all select day, cost from w.raw.tv) "
            "union all by name select clicks as spend, day from w.raw.tv) select spend as s, day from u",
            {"s": ["ads.spend", "tv.clicks", "tv.cost"], "day": ["ads.day", "tv.day"]},
        ),
        # a table that is nobody's asset
        ("select day, note from w.raw.notes join w.raw.ads using (day)", {"day": ["ads.day"], "note": []}),
        ("pivot w.raw.ads on clicks using sum(spend)", {}),
        ("select from where", {}),
    ],
)
def test_columns_are_followed_to_the_tables(sql, expected):
    found = column_lineage(sql, COLUMNS, TABLES)
    assert {
        column: [f"{table}.{name}" for table, name in sources] for column, sources in found.items()
    } == expected
