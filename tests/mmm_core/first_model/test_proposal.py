"""A first model of a table: of made-up tables with one trap each, and of tables that nobody here made."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.data.reader import read_table
from mmm_core.data_health.report import data_health
from mmm_core.errors import InputError
from mmm_core.first_model.proposal import propose
from mmm_core.first_model.written import proposed_yaml
from mmm_core.inference.fit import fit
from mmm_core.spec.model_spec import load_spec
from tests.mmm_core.data_health.tables import plain, spec_of

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def table_of(**columns):
    return plain().assign(**columns)


def proposed(table, **options):
    return propose(table, "my table.2024", "my table.csv", **options)


def test_the_plain_table():
    found = proposed(plain())
    assert dict(found.mapping) == {
        "model": "my_table_2024",
        "table": "weekly_tables/my_table_2024",
        "kpi": {"column": "revenue"},
        "media": {
            "channels": {
                "tv": {"spend": "tv_spend"},
                "search": {"spend": "search_spend", "exposure": "search_clicks"},
            }
        },
        "controls": ["confidence"],
    }
    assert (found.refused, found.traps) == ("", ())
    assert {each.column: each.role for each in found.columns}["search_clicks"] == "exposure of search"
    assert any(gap.startswith("price and promotion") for gap in found.gaps)


def test_the_yaml_says_why_and_is_read_back(tmp_path):
    table = table_of(direct_visits=np.arange(130) % 7, revenue_growth=np.arange(130) % 5 - 2)
    found = proposed(table)
    path = tmp_path / "my_table_2024.yaml"
    path.write_text(proposed_yaml(found))
    assert load_spec(path) == found.spec
    said = " ".join(path.read_text().replace("#", "").split())
    assert "direct_visits: traffic of the site" in said
    assert "    search: {spend: search_spend, exposure: search_clicks}" in path.read_text()


@pytest.mark.parametrize(
    ("changes", "trap"),
    [
        ({"radio_spend": -plain()["tv_spend"] - 1}, None),
        ({"total_spend": plain()["tv_spend"] + plain()["search_spend"]}, "total_spend: is the sum of all other spend"),
        ({"discount": plain()["revenue"] / 5}, "discount: changes as revenue does (correlation 1.00)"),
        ({"index": plain()["confidence"]}, "index: the same column as confidence"),
        ({"radio_spend": plain()["tv_spend"].where(plain().index != 50)}, "radio: missing in 1 rows"),
        ({"search_clicks": plain()["search_clicks"] * (plain().index % 3 > 0)}, "search_clicks: 34% of its weeks"),
        ({"video_impressions": plain()["tv_spend"]}, "video_impressions has no spend beside it"),
        ({"email_clicks": plain()["tv_spend"]}, "email_clicks counts people who answered"),
        ({"revenue": plain()["revenue"].where(plain().index < 120)}, "revenue is 0 or missing after 2024-04-15"),
        ({"revenue": plain()["revenue"].where(plain().index != 50)}, "revenue is missing in some weeks"),
        ({"days": np.where(plain().index == 0, 3, 7)}, "weeks of fewer than 7 days by column days (2022-01-03: 3)"),
        ({"orders": np.where(plain().index == 70, 2, 90 + plain().index % 9)}, "orders is far too low in the week of"),
    ],
)  # fmt: skip
def test_a_trap_is_named_and_the_rest_still_fits(changes, trap):
    table = table_of(**changes)
    found = proposed(table)
    assert found.refused == ""
    model_data(table, found.spec)
    if trap is None:
        assert next(each for each in found.columns if each.column == "radio_spend").role == "left out"
    else:
        assert any(trap in line for line in found.traps), found.traps


def test_weeks_outside_of_the_kpi_are_left_out_by_the_window():
    table = table_of(revenue=plain()["revenue"].where(plain().index >= 10).where(plain().index < 120))
    assert proposed(table).mapping["time"] == {"from": "2022-03-14", "to": "2024-04-15"}


@pytest.mark.parametrize(
    ("column", "weekday", "marks"),
    [
        ("date", "W-SUN", "end"),
        ("wk_strt_dt", "W-SUN", "start"),
        ("week_ending", "W-WED", "end"),
        ("day", "W-WED", "start"),
    ],
)
def test_what_a_date_marks(column, weekday, marks):
    table = plain().rename(columns={"week_start": column})
    table[column] = pd.date_range("2022-01-01", periods=130, freq=weekday)
    found = proposed(table)
    assert found.spec.time.marks == marks
    assert any("taken for last days" in trap for trap in found.traps) == (column == "date")


def test_geos_markets_and_people():
    parts = [
        plain(seed=seed).assign(
            area=f"g{seed % 2}", country="uk" if seed < 2 else "us", population=1000.0 + seed
        )
        for seed in range(4)
    ]
    found = proposed(pd.concat(parts[:2]))
    assert found.mapping["geo"] == {"column": "area", "population": "population"}
    assert "filter" not in found.mapping
    both = proposed(pd.concat(parts))
    assert both.mapping["filter"] == {"country": "uk"}
    assert any("write a model for each" in trap for trap in both.traps)
    jumps = pd.concat(parts[:2])
    jumps["population"] *= np.where(np.arange(len(jumps)) == 40, 10, 1)
    found = proposed(jumps)
    assert found.mapping["geo"] == {"column": "area"}
    assert any("jumps within a geo" in trap for trap in found.traps)


def test_events_are_dates_of_their_names_or_of_their_ones():
    names = np.full(130, "na", dtype=object)
    names[[50, 51]], names[90] = "strike", "opening"
    found = proposed(table_of(events=names, event_fair=(np.arange(130) == 60) * 1))
    assert found.mapping["baseline"]["events"] == {
        "strike": ["2022-12-19", "2022-12-26"],
        "opening": ["2023-09-25"],
        "event_fair": ["2023-02-27"],
    }


def test_what_the_landing_leaves_out_or_refuses_is_said_beforehand():
    names = np.where(np.arange(130) == 50, "strike", "na")
    mixed = pd.Series(np.arange(130.0)).astype(str).where(np.arange(130) != 7, "oops")
    found = proposed(table_of(events=names, note=np.where(np.arange(130) % 9, "a", "b"), index=mixed))
    left_out = [each.column for each in found.columns if "`landing/weekly_tables` leaves it out" in each.why]
    assert left_out == ["events", "note"]
    text = " ".join(proposed_yaml(found).replace("#", "").split())
    assert (
        "- events: names of events, which a model has by their dates: strike; the column itself is text"
        in text
    )
    assert any("index: 'oops' is not a number (at positions 7)" in trap for trap in found.traps)


def test_a_model_that_names_a_column_of_text_is_told_so():
    table = table_of(events=np.where(np.arange(130) == 50, "strike", "na"))
    for role, column in (("controls", ["events"]), ("kpi", {"column": "events"})):
        with pytest.raises(
            InputError, match=r"column events: not a number .*: the column is text: write numbers \(1"
        ):
            model_data(table, spec_of(**{role: column}))
    table = table_of(confidence=pd.Series(np.arange(130.0)).astype(str).where(np.arange(130) != 7, "oops"))
    with pytest.raises(InputError, match=r"column confidence: not a number .*'oops': write digits only"):
        model_data(table, spec_of())
    assert [trap for trap in proposed(table).traps if trap.startswith("confidence")] == [
        "confidence: 'oops' is not a number (at positions 7): write digits only, with a point for decimals; "
        "`landing/weekly_tables` refuses the file until then"
    ]


def test_several_currencies_are_a_trap_and_no_places():
    codes = np.where(np.arange(130) < 100, "USD", "EUR")
    found = proposed(table_of(billed_in=codes))
    (trap,) = [trap for trap in found.traps if "currencies" in trap]
    assert trap.startswith("column billed_in has USD in 100 rows, EUR in 30 rows (at positions 100, 101")
    assert "convert every amount to USD" in trap
    assert proposed(table_of(currency="USD")).traps == ()
    twice = pd.concat([plain().assign(currency=code) for code in ("US dollar", "Euro")])
    with pytest.raises(InputError, match="column currency has US DOLLAR, EURO: convert to one currency"):
        proposed(twice)


def test_rows_of_a_week_that_an_unknown_column_tells_apart_are_said():
    both = pd.concat([plain(seed=seed).assign(device=name) for seed, name in enumerate(("app", "web"))])
    assert any("column device alone tells the rows of a week apart" in trap for trap in proposed(both).traps)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (("03/01/2023", "16/01/2023"), r"begins with the day \(`%d/%m/%Y`\), as '16/01/2023'"),
        (("01.03.2023", "01.16.2023"), r"begins with the month \(`%m.%d.%Y`\), as '01.16.2023'"),
        (("03/01/2023", "10/01/2023"), "nobody can say for sure .* and no other cell settles it"),
        (
            ("16/01/2023", "01/16/2023"),
            "'16/01/2023' .*, which begins with the day, and '01/16/2023' .* the month",
        ),
    ],
)
def test_the_order_of_days_is_said_where_a_cell_settles_it(days, said):
    table = pd.DataFrame({"week": days, "sales": 1.0, "tv_spend": 2.0})
    with pytest.raises(InputError, match=f"column week .*{said}"):
        proposed(table)


def test_of_two_channels_that_are_one_series_one_is_proposed():
    spend = plain()["tv_spend"]
    found = proposed(table_of(radio_spend=2 * spend, newsletter_sends=3 * spend))
    assert list(found.mapping["media"]["channels"]) == ["tv", "search"]
    assert "organic" not in found.mapping["media"]
    roles = {each.column: each.role for each in found.columns}
    assert roles["radio_spend"] == roles["newsletter_sends"] == "left out"
    assert roles["tv_spend"] == "spend of tv"
    text = " ".join(proposed_yaml(found).replace("#", "").split())
    assert text.count("radio and tv are one series under two names") == 2  # a trap, and left out
    report = data_health(table_of(radio_spend=2 * spend), found.spec)
    assert report.verdict("collinearity") != "fail"


def test_of_a_paid_and_an_organic_channel_that_are_one_the_paid_one_stays():
    first = pd.DataFrame({"post_views": plain()["tv_spend"] * 9}).join(plain())
    found = proposed(first)
    assert list(found.mapping["media"]["channels"]) == ["tv", "search"]
    assert "organic" not in found.mapping["media"]


def test_units_without_a_price_have_no_roi_and_with_one_have():
    counts = plain().rename(columns={"revenue": "conversions"})
    found = proposed(counts)
    assert found.mapping["kpi"] == {"column": "conversions", "kind": "non_revenue"}
    assert any(gap.startswith("what a unit of conversions is worth") for gap in found.gaps)
    priced = proposed(counts.assign(revenue_per_conversion=2.0 + 0.01 * np.arange(130)))
    assert priced.mapping["kpi"] == {"column": "conversions", "revenue_per_unit": "revenue_per_conversion"}


def test_media_without_a_name_are_taken_by_their_values_and_said():
    table = plain().rename(columns={"tv_spend": "x1", "search_spend": "x2"}).drop(columns="search_clicks")
    found = proposed(table)
    assert list(found.mapping["media"]["channels"]) == ["x1", "x2"]
    assert any("by their values alone" in trap for trap in found.traps)


def test_a_short_table_gets_short_lags_and_waves():
    found = proposed(plain(60))
    assert found.mapping["media"]["defaults"] == {"adstock": {"l_max": 4}}
    assert found.mapping["baseline"] == {"seasonality": {"order": 1}}
    assert found.refused == ""
    assert "26 to learn from" in proposed(plain(24)).refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="week_start"), "no column of days"),
        (
            lambda t: t.assign(week_start=pd.to_datetime(t["week_start"]).dt.strftime("%d/%m/%Y")),
            r"column week_start begins with the day \(`%d/%m/%Y`\), as '17/01/2022' .* so '03/01/2022' as 2022-01-03",
        ),
        (lambda t: t.rename(columns={"revenue": "foo"}), "name it with --kpi"),
        (lambda t: t.assign(revenue=5.0), "and changes: revenue never does: name it with --kpi"),
        (lambda t: t[["week_start", "revenue", "confidence"]], "no column is media"),
        (lambda t: pd.concat([t, t]), "no column tells them apart"),
        (lambda t: t.assign(week_start=pd.date_range("2022-01-01", periods=130)), "the rows are days"),
    ],
)
def test_what_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        proposed(change(plain()))


def test_a_kpi_that_is_asked_for():
    found = proposed(plain().rename(columns={"revenue": "foo"}), kpi="foo")
    assert found.mapping["kpi"] == {"column": "foo", "kind": "non_revenue"}
    with pytest.raises(InputError, match="--kpi fo is no column of numbers: did you mean 'foo'"):
        proposed(plain().rename(columns={"revenue": "foo"}), kpi="fo")


REAL = {
    "conjura_single_series/conjura_596eef7c_weekly.csv": (7, "all_purchases_original_price"),
    "sibylhe_mmm_stan/data.csv": (10, "sales"),
    "robyn/dt_simulated_weekly.csv": (5, "revenue"),
    "meridian/national_all_channels.csv": (5, "conversions"),
    "meridian/national_media_rf.csv": (4, "conversions"),
    "meridian/geo_media_rf.csv": (4, "conversions"),
    "pymc_marketing/mmm_example.csv": (2, "y"),
    "pymc_marketing/mmm_multidimensional_example.csv": (2, "y"),
}
"""Paid channels and KPI of tables that nobody here made."""


def real(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not on this machine")
    table = read_table(path)
    return table, propose(table, path.stem, path.name)


@pytest.mark.parametrize("name", REAL)
def test_tables_that_nobody_here_made_are_recognised_and_prepared(name, tmp_path):
    table, found = real(name)
    channels, kpi = REAL[name]
    assert found.refused == ""
    assert (len(found.spec.paid), found.spec.kpi.column) == (channels, kpi)
    path = tmp_path / "model.yaml"
    path.write_text(proposed_yaml(found))
    data = model_data(table, load_spec(path), name)
    assert data.sizes["week"] > 52


@pytest.mark.slow
def test_a_proposal_is_fitted_as_it_stands():
    table, found = real("robyn/dt_simulated_weekly.csv")
    quick = {"fit": found.spec.fit.model_copy(update={"chains": 2, "warmup": 100, "draws": 100})}
    tree = fit(table, found.spec.model_copy(update=quick))
    assert list(tree["constant_data"]["paid_channel"].to_numpy()) == [
        "tv",
        "ooh",
        "print",
        "facebook",
        "search",
    ]
    assert np.isfinite(tree["posterior"]["sigma"].to_numpy()).all()


def test_conjuras_known_traps_are_named():
    _, found = real("conjura_single_series/conjura_596eef7c_weekly.csv")
    said = "\n".join(found.traps)
    for trap in (
        "taken for last days",
        "(2022-07-31: 3, 2023-12-24: 2)",  # the first and last week are parts
        "organic_search_clicks is far too low in the week of 2022-07-31",
        "2022-08-28 (932, where",  # the outage of the counter
        "google_pmax_spend is there week by week, and nothing in the last 1 week (2023-12-24 on)",
        "all_purchases_original_price / all_purchases shifts down from the week of 2023-11-05 on",
        "all_purchases_gross_discount: changes as all_purchases_original_price does",
    ):
        assert trap in said
    assert found.spec.time.marks == "end"
    assert (str(found.spec.time.from_), str(found.spec.time.to)) == ("2022-08-07", "2023-12-17")


def test_robyns_and_sibylhes_columns_are_paired():
    _, robyn = real("robyn/dt_simulated_weekly.csv")
    assert robyn.mapping["media"]["channels"]["facebook"] == {"spend": "facebook_S", "exposure": "facebook_I"}
    assert robyn.mapping["media"]["channels"]["search"] == {
        "spend": "search_S",
        "exposure": "search_clicks_P",
    }
    assert robyn.mapping["media"]["organic"] == {"newsletter": {"exposure": "newsletter"}}
    assert robyn.mapping["controls"] == ["competitor_sales_B"]
    assert set(robyn.mapping["baseline"]["events"]) == {"event1", "event2"}
    _, sibylhe = real("sibylhe_mmm_stan/data.csv")
    assert sibylhe.mapping["media"]["channels"]["dm"] == {"spend": "mdsp_dm", "exposure": "mdip_dm"}
    assert sibylhe.mapping["media"]["channels"]["so"] == {"spend": "mdsp_so"}  # weeks without exposure
    assert list(sibylhe.mapping["media"]["organic"]) == ["em", "sms", "aff"]
    assert sibylhe.spec.time.marks == "start"
    roles = {each.column: each.role for each in sibylhe.columns}
    assert {roles[name] for name in ("yr_nbr", "wk_in_yr_nbr", "seas_prd_1")} == {"left out"}
    assert roles["hldy_Easter"] == "control"


def test_a_cell_that_is_no_number_is_not_called_a_week_without_spend():
    spend = plain()["tv_spend"].astype(str)
    spend.iloc[3:5] = ["abc", "#REF!"]
    found = proposed(table_of(tv_spend=spend))
    said = " ".join([*(each.why for each in found.columns), *found.traps])
    assert "'abc', '#REF!' is not a number" in said
    assert "write 0" not in said
