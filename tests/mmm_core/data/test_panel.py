"""What must hold of every geo by itself, and what is refused of one among many."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.table import check_table
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec

GEOS = ("north", "south", "west")
SPEC = {
    "model": "panel",
    "table": "weekly",
    "geo": {"column": "geo", "population": "people"},
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend"}}},
}
NATIONAL = {key: value for key, value in SPEC.items() if key != "geo"}


def table(geos=GEOS, weeks=60):
    rng = np.random.default_rng(0)
    week = pd.date_range("2024-01-01", periods=weeks, freq="7D")
    parts = [
        pd.DataFrame(
            {
                "week_start": week,
                "geo": geo,
                "people": 1000.0 * (position + 1),
                "revenue": rng.normal(100, 5, weeks) * (position + 1),
                "tv_spend": rng.gamma(2, 10, weeks),
            }
        )
        for position, geo in enumerate(geos)
    ]
    return pd.concat(parts, ignore_index=True)


def refused(rows, spec):
    with pytest.raises(InputError) as refusal:
        check_table(rows, parse_spec(spec), "t.csv")
    return str(refusal.value)


def test_a_geo_that_never_sells_is_named_and_without_it_the_table_is_the_old_one():
    rows = table((*GEOS, "closed", "planned"))
    dead = rows["geo"].isin(["closed", "planned"])
    rows.loc[dead, ["revenue", "tv_spend"]] = 0.0
    said = refused(rows, SPEC)
    assert said.startswith(
        "t.csv: column revenue: never changes in geos 'closed', 'planned': leave them out: "
    )
    assert "delete their rows" in said
    assert "`filter`" in said
    rows["keep"] = np.where(dead, 0, 1)
    kept = check_table(rows, parse_spec({**SPEC, "filter": {"keep": "1"}}))
    pd.testing.assert_frame_equal(kept, check_table(table(), parse_spec(SPEC)))


def test_a_logarithm_of_weeks_near_zero_is_refused_with_the_remedy_and_named_events_are_not():
    rows, log = table(), {**SPEC, "kpi": {"column": "revenue", "scale": "log"}}
    check_table(rows, parse_spec(log))
    start = rows["geo"].eq("south") & rows["week_start"].between("2024-04-01", "2024-04-08")
    rows.loc[start, "revenue"] = 1.5
    said = refused(rows, log)
    assert (
        "column revenue: below 1% of the mean week of geo 'south' in 2 weeks (2024-04-01 (south), 2024-04-08"
        in said
    )
    assert "`kpi: {scale: level}`, or begin after them with `time: {from: 2024-04-15}`" in said
    check_table(rows, parse_spec(SPEC))  # in levels such a week is one like others
    late = rows.assign(revenue=table()["revenue"])
    last = late["geo"].eq("south") & late["week_start"].eq(late["week_start"].max())
    late.loc[last, "revenue"] = 1.5
    assert "in 1 week (" in (said := refused(late, log))
    assert "begin after them" not in said  # nothing would be left
    named = {**log, "baseline": {"events": {"opening": ["2024-04-01", "2024-04-08"]}}}
    check_table(rows, parse_spec(named))


def test_what_never_changes_is_asked_of_the_modelled_weeks():
    rows = table()
    weeks = rows["week_start"].unique()
    rows.loc[(rows["geo"] == "west") & (rows["week_start"] >= weeks[8]), "revenue"] = 7.0
    assert "never changes in geo 'west'" in refused(rows, SPEC)
    national = table(("all",)).drop(columns=["geo", "people"])
    national.loc[8:, "revenue"] = 7.0
    assert "column revenue: never changes in the modelled weeks" in refused(national, NATIONAL)


def test_media_of_a_geo_may_be_zero_throughout():
    rows = table()
    rows.loc[rows["geo"] == "west", "tv_spend"] = 0.0
    assert len(check_table(rows, parse_spec(SPEC))) == len(rows)


def test_a_control_must_move_within_some_geo():
    rows = table().assign(price=lambda rows: rows["people"])
    spec = {**SPEC, "controls": ["price"]}
    assert "column price: never changes within a geo" in refused(rows, spec)
    rows.loc[3, "price"] += 1
    with pytest.raises(InputError, match="column price: never changes within a geo"):
        check_table(rows, parse_spec(spec))  # within the media history, whose KPI is not modelled
    rows.loc[30, "price"] += 1
    assert len(check_table(rows, parse_spec(spec))) == len(rows)


@pytest.mark.parametrize("week", [0, 30, 59])
def test_a_digit_too_few_in_a_population_is_named_wherever_it_is(week):
    rows = table()
    south = np.flatnonzero(rows["geo"] == "south")
    rows.loc[south[week], "people"] = 200.0
    said = refused(rows, SPEC)
    assert (
        f"column people: geo 'south' has 200 in weeks {rows['week_start'][week]:%Y-%m-%d} and 2000 in" in said
    )
    assert "modelled per head of the last week" in said


def test_a_slip_in_every_week_but_one_is_named_and_honest_drift_is_taken():
    rows = table()
    south = np.flatnonzero(rows["geo"] == "south")
    rows.loc[south[:-1], "people"] = 200.0
    assert "geo 'south' has 2000 in weeks 2025-02-17 and 200 in" in refused(rows, SPEC)
    rows = table()
    rows["people"] *= np.tile(np.linspace(0.97, 1.03, 60), len(GEOS))
    assert len(check_table(rows, parse_spec(SPEC))) == len(rows)


def closed(weeks=slice(30, 38)):
    rows = table(("all",)).drop(columns=["geo", "people"])
    rows.loc[rows.index[weeks], ["revenue", "tv_spend"]] = 0.0
    return rows


def test_weeks_without_kpi_and_media_are_named_before_a_fit():
    said = refused(closed(), NATIONAL)
    assert said.startswith(
        "t.csv: column revenue: 0 in 8 weeks and media with it (2024-07-29, 2024-08-05, 2024-08-12, 2024-08-19, "
        "2024-08-26 and 3 more)"
    )
    assert "`baseline: {events: {closed: [2024-07-29, ...]}}`" in said
    assert "`kpi: {gaps: leave_out}`" in said


def test_closed_weeks_that_something_names_are_taken():
    rows = closed()
    dates = [f"{day:%Y-%m-%d}" for day in rows["week_start"][30:38]]
    check_table(rows, parse_spec({**NATIONAL, "baseline": {"events": {"closed": dates}}}))
    left_out = rows.assign(revenue=rows["revenue"].where(rows["revenue"] > 0))
    check_table(left_out, parse_spec({**NATIONAL, "kpi": {"column": "revenue", "gaps": "leave_out"}}))
    shut = rows.assign(shut=(rows["revenue"] == 0).astype(float))
    check_table(shut, parse_spec({**NATIONAL, "controls": ["shut"]}))
    first = closed(slice(0, 15))
    step = {"baseline": {"steps": {"opening": f"{first['week_start'][15]:%Y-%m-%d}"}}}
    check_table(first, parse_spec({**NATIONAL, **step}))
    partly = {"baseline": {"events": {"closed": dates[:3]}}}
    assert "0 in 5 weeks" in refused(rows, {**NATIONAL, **partly})


def test_weeks_of_zero_are_no_fault_where_little_is_sold():
    rows = table(("all",)).drop(columns=["geo", "people"])
    rows["revenue"] = np.random.default_rng(3).poisson(0.7, len(rows)).astype(float)
    rows.loc[rows["revenue"] == 0, "tv_spend"] = 0.0
    check_table(rows, parse_spec(NATIONAL))
