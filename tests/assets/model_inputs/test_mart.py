"""What a model's YAML may ask of the marts, and what it is told when it asks for what is not there."""

from datetime import timedelta

import pandas as pd
import pytest
import yaml

from assets.model_inputs.mart import checked_table, read_mart
from assets.model_inputs.model_table import reaches_as_of_week
from assets.models import Vintage
from assets.raw.assets import landing_tables, raw_key
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec
from orchestration.last_week import check_reached, last_vintage

WEEKS = pd.date_range("2025-01-06", periods=6, freq="7D")
AS_OF = Vintage("brand", "2025-01-27")
SPEC = {
    "model": "brand",
    "table": "mmm_model_table",
    "filter": {"market": "us"},
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend"}}},
}


@pytest.fixture
def warehouse(tmp_path):
    mart = pd.concat(
        [
            pd.DataFrame({"market": m, "week_start": WEEKS, "revenue": 10.0, "tv_spend": 1.0})
            for m in ("us", "uk")
        ]
    )
    long = pd.DataFrame({"week_start": WEEKS, "revenue": range(6), "tv_spend": 1.0}).melt(
        "week_start", var_name="column_name"
    )
    long = long.assign(table_name="shop", geo="all")
    warehouse = Warehouse(path=str(tmp_path / "warehouse.duckdb"))
    with warehouse.connect() as connection:
        connection.execute("create schema marts")
        for name, table in (("mmm_model_table", mart), ("fct_weekly_tables", long)):
            connection.register("incoming", table)
            connection.execute(f"create table marts.{name} as select * from incoming")
    return warehouse


def read(warehouse, **changes):
    return read_mart(warehouse, parse_spec({**SPEC, **changes}), AS_OF)


def test_a_vintage_holds_the_weeks_known_by_then_of_its_market(warehouse):
    table = read(warehouse)
    assert list(table["week_start"]) == list(WEEKS[:4])
    assert set(table["market"]) == {"us"}
    assert list(table.columns) == ["week_start", "market", "revenue", "tv_spend"]


def test_spend_that_is_null_is_refused_with_what_sources_yaml_may_say_of_it():
    weeks = pd.date_range("2024-01-01", periods=60, freq="7D")
    table = pd.DataFrame({"market": "us", "week_start": weeks, "revenue": range(60), "tv_spend": 1.0})
    table.loc[2, "tv_spend"] = None
    of_a_mart, of_a_file = parse_spec(SPEC), parse_spec({**SPEC, "table": "weekly_tables/shop"})
    with pytest.raises(InputError, match=r"(?s)tv_spend: missing in weeks 2024-01-15.*`silence: zero`"):
        checked_table(table, of_a_mart)
    for wrong, spec in ((table, of_a_file), (table.drop(columns="revenue"), of_a_mart)):
        with pytest.raises(InputError) as refused:
            checked_table(wrong, spec)
        assert "silence" not in str(refused.value)


def test_reach_that_is_not_known_is_refused_with_the_check_that_says_why(warehouse):
    """Of no week, so that there is no column, and of some."""
    channel = {"spend": "tv_spend", "reach": "tv_reach", "frequency": "tv_frequency"}
    spec = parse_spec({**SPEC, "media": {"channels": {"tv": channel}}})
    weeks = pd.date_range("2024-01-01", periods=60, freq="7D")
    table = pd.DataFrame({"market": "us", "week_start": weeks, "revenue": range(60), "tv_spend": 1.0})
    table = table.assign(tv_reach=5.0, tv_frequency=2.0)
    table.loc[2, "tv_reach"] = None
    with pytest.raises(
        InputError, match=r"(?s)tv_reach: missing in weeks 2024-01-15.*\n.*reach_by_week_is_known"
    ):
        checked_table(table, spec)
    with pytest.raises(
        InputError, match=r"(?s)'tv_reach': .*reach_by_week_is_known of intermediate/int_media_reach"
    ):
        read_mart(warehouse, spec, AS_OF)
    with pytest.raises(InputError) as refused:
        read(warehouse, media={"channels": {"tv": {"spend": "tv_spnd"}}})
    assert "reach" not in str(refused.value)


def test_a_weekly_table_is_made_wide_and_its_week_named_as_the_yaml_does(warehouse):
    table = read(warehouse, table="weekly_tables/shop", filter={}, time={"column": "wk"})
    assert list(table.columns) == ["wk", "revenue", "tv_spend"]
    assert list(table["revenue"]) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"media": {"channels": {"tv": {"spend": "tv_spnd"}}}}, "'tv_spnd': did you mean 'tv_spend'"),
        ({"table": "mmm_model_tabel"}, "did you mean 'mmm_model_table'"),
        ({"table": "weekly_tables/shopp", "filter": {}}, "did you mean 'shop'"),
        ({"filter": {"market": "usa"}}, "no row has market = 'usa': did you mean 'us'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest_name(warehouse, changes, said):
    with pytest.raises(InputError) as refused:
        read(warehouse, **changes)
    assert said in str(refused.value)
    assert "brand" in str(refused.value)


def test_a_column_that_the_landing_left_out_is_told_from_one_that_is_not_there(new_platform):
    new_platform.land(
        "weekly_tables/shop.csv", "DATE,revenue,tv_spend,events\n2025-01-06,1,1,na\n2025-01-13,2,1,opening\n"
    )
    new_platform.run(landing_tables, selection=[raw_key("weekly_tables__values")])
    with new_platform.warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
        connection.execute("create table marts.fct_weekly_tables as from raw.weekly_tables__values")
    asked = {"table": "weekly_tables/shop", "filter": {}, "time": {"column": "DATE"}}
    warehouse = new_platform.warehouse
    assert list(read(warehouse, **asked)["revenue"]) == [1, 2]
    for key, column in (
        ("controls", ["events"]),
        ("kpi", {"column": "events"}),
        ("filter", {"events": "na"}),
    ):
        with pytest.raises(InputError, match=r"events: the file has it, as text or days, .* numbers alone"):
            read(warehouse, **{**asked, key: column})
    with pytest.raises(InputError) as refused:
        read(warehouse, **asked, controls=["evnts"])
    assert "as text" not in str(refused.value)


def test_a_week_before_all_data_is_refused(warehouse):
    with pytest.raises(InputError, match="the first is 2025-01-06: choose a later as-of week"):
        read_mart(warehouse, parse_spec(SPEC), Vintage("brand", "2024-12-30"))


def weeks_that_end_on_sundays(warehouse) -> dict:
    """The mart's weeks by their last days; the keys of a model that says so."""
    with warehouse.connect() as connection:
        connection.execute("update marts.mmm_model_table set week_start = week_start + interval 6 day")
    return {**SPEC, "time": {"marks": "end"}}


def test_a_week_dated_by_its_last_day_is_known_as_of_the_monday_it_begins_on(warehouse):
    spec = parse_spec(weeks_that_end_on_sundays(warehouse))
    table = read_mart(warehouse, spec, AS_OF)
    assert list(table["week_start"]) == list(WEEKS[:4] + pd.Timedelta(days=6))
    misread = read_mart(warehouse, parse_spec(SPEC), AS_OF)
    assert len(misread) == 3
    last = table["week_start"].max().date()
    assert reaches_as_of_week(last, first_day(last), AS_OF.week, None).passed
    assert reaches_as_of_week(last, first_day(last), AS_OF.week, last).passed  # `time.to` names the same week
    late = reaches_as_of_week(last, first_day(last), AS_OF.week + timedelta(days=7), None)
    assert not late.passed
    assert late.description.endswith("or choose 2025-01-27")


def first_day(last):
    return last - timedelta(days=6)


@pytest.mark.parametrize(
    ("to", "as_of"), [(None, "2025-02-10"), ("2025-02-02", "2025-01-27"), ("2025-01-29", "2025-01-27")]
)
def test_the_last_vintage_is_that_of_the_monday_of_the_last_week_used(
    warehouse, tmp_path, monkeypatch, to, as_of
):
    spec = weeks_that_end_on_sundays(warehouse)
    (tmp_path / "brand.yaml").write_text(
        yaml.safe_dump({**spec, "time": {"marks": "end", **({"to": to} if to else {})}})
    )
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path))
    assert last_vintage(warehouse, "brand").as_of_week == as_of


@pytest.mark.parametrize(
    ("as_of", "to", "fault"),
    [
        ("2025-02-10", None, None),
        ("2025-01-06", None, None),
        (
            "2025-02-17",
            None,
            "ends with the week of 2025-02-16, not 2025-02-17: land .* or choose 2025-02-10",
        ),
        ("2024-12-30", None, "no week up to 2024-12-30, the first is 2025-01-12"),
        ("2025-06-02", "2025-02-12", None),  # later weeks are not for this model
        ("2025-06-02", "2025-03-01", "not 2025-03-01: land .* or choose 2025-02-10"),
        ("2025-02-10", "2024-12-01", None),  # refused by the model's own first step, which knows the window
    ],
)
def test_an_as_of_week_is_one_that_the_table_reaches(warehouse, tmp_path, monkeypatch, as_of, to, fault):
    time = {"marks": "end", **({"to": to} if to else {})}
    spec = {**weeks_that_end_on_sundays(warehouse), "time": time}
    (tmp_path / "brand.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path))
    if fault is None:
        check_reached(warehouse, Vintage("brand", as_of))
    else:
        with pytest.raises(InputError, match=fault):
            check_reached(warehouse, Vintage("brand", as_of))


@pytest.mark.parametrize("table", ["mmm_model_table", "weekly_tables/shop"])
def test_marts_that_were_never_built_are_no_traceback(tmp_path, table):
    empty = Warehouse(path=str(tmp_path / "empty.duckdb"))
    empty.prepare()
    with pytest.raises(InputError, match=r"there are none|has not been built: run make refresh"):
        read(empty, table=table, filter={})
