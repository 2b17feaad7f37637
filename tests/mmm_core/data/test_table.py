"""What a weekly table is refused for, and the fingerprint of one that is taken."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.contract import table_contract
from mmm_core.data.table import check_table, fingerprint, read_table
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec

SPEC = {
    "model": "small",
    "table": "weekly",
    "filter": {"market": "us"},
    "kpi": {"column": "revenue"},
    "controls": ["price"],
    "media": {
        "channels": {"tv": {"spend": "tv_spend"}, "search": {"spend": "search_spend", "exposure": "clicks"}}
    },
}


def table(weeks=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "week_start": pd.date_range("2024-01-01", periods=weeks, freq="7D"),
            "market": "us",
            "revenue": rng.gamma(50, 2, weeks),
            "tv_spend": rng.gamma(2, 10, weeks),
            "search_spend": rng.gamma(2, 5, weeks),
            "clicks": rng.gamma(2, 50, weeks),
            "price": rng.normal(10, 1, weeks),
            "note": "not read",
        }
    )


def with_value(column, row, value):
    frame = table()
    if not isinstance(value, float):
        frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


def test_a_good_table_is_typed_sorted_and_cut_to_its_columns():
    shuffled = table().sample(frac=1, random_state=1)
    shuffled["week_start"] = shuffled["week_start"].dt.strftime("%Y-%m-%d")
    checked = check_table(shuffled, parse_spec(SPEC))
    assert checked["week_start"].is_monotonic_increasing
    assert set(checked.columns) == {"week_start", "revenue", "tv_spend", "search_spend", "clicks", "price"}


BAD = {
    "missing column": (table().drop(columns="clicks"), ["'clicks'"]),
    "misspelt column": (
        table().rename(columns={"tv_spend": "tvspend"}),
        ["'tv_spend'", "did you mean 'tvspend'?"],
    ),
    "no such market": (table().assign(market="de"), ["market = 'us'"]),
    "missing week": (table().drop(index=20), ["missing weeks 2024-05-20", "add a row"]),
    "duplicated week": (pd.concat([table(), table().iloc[[7]]]), ["more than one row", "2024-02-19"]),
    "negative spend": (with_value("tv_spend", 30, -5.0), ["tv_spend", "negative", "2024-07-29"]),
    "text in a number column": (
        with_value("tv_spend", 30, "n/a"),
        ["tv_spend", "not a number", "2024-07-29", "n/a"],
    ),
    "too large": (
        with_value("tv_spend", 30, 1e200),
        ["tv_spend", "not a number", "2024-07-29", "1e+200", "larger than any quantity"],
    ),
    "infinite": (with_value("price", 3, float("inf")), ["price", "infinite", "2024-01-22"]),
    "channel all zero": (table().assign(clicks=0.0), ["clicks", "zero in every week", "search"]),
    "spend missing": (
        with_value("tv_spend", 4, float("nan")),
        ["tv_spend", "missing", "2024-01-29", "write 0"],
    ),
    "KPI gap": (
        with_value("revenue", 5, float("nan")),
        ["revenue", "missing", "2024-02-05", "gaps: leave_out"],
    ),
    "constant KPI": (table().assign(revenue=3.0), ["revenue", "never changes"]),
    "constant control": (table().assign(price=3.0), ["price", "never changes"]),
    "not a date": (with_value("week_start", 2, "someday"), ["week_start", "not a date", "someday"]),
    "too short": (table(20), ["20 weeks", "34"]),
    "irregular weeks": (
        table().assign(
            week_start=lambda t: t["week_start"].where(t.index != 9, t["week_start"] + pd.Timedelta("1D"))
        ),
        ["2024-03-04"],
    ),
    "no rows": (table().iloc[:0], ["no rows"]),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_tables_are_refused_with_place_and_remedy(fault):
    frame, says = BAD[fault]
    with pytest.raises(InputError) as error:
        check_table(frame, parse_spec(SPEC), source="weekly.csv")
    assert str(error.value).startswith("weekly.csv")
    for words in says:
        assert words in str(error.value)


def test_a_missing_column_is_named_with_its_keys_and_every_column_there_is():
    spec = parse_spec({**SPEC, "geo": {"column": "region", "population": "people"}})
    with pytest.raises(InputError) as error:
        check_table(table().drop(columns=["market", "clicks"]), spec, source="nat.csv")
    known = "known: note, price, revenue, search_spend, tv_spend, week_start"
    assert str(error.value).splitlines()[1:] == [
        f"  'region' (geo.column): {known}",
        f"  'market' (filter): {known}",
        f"  'people' (geo.population): {known}",
        f"  'clicks' (media.channels.search.exposure): {known}",
    ]


def test_kpi_gap_may_be_left_out_on_request():
    frame = with_value("revenue", 5, float("nan"))
    checked = check_table(frame, parse_spec({**SPEC, "kpi": {"column": "revenue", "gaps": "leave_out"}}))
    assert checked["revenue"].isna().sum() == 1


def test_geo_panels_name_geo_and_week():
    frame = pd.concat([table().assign(geo="north"), table().drop(index=20).assign(geo="south")])
    spec = parse_spec({**SPEC, "geo": {"column": "geo"}})
    with pytest.raises(InputError, match=r"2024-05-20 in geo 'south'"):
        check_table(frame, spec)
    with pytest.raises(InputError, match="more than one row"):
        check_table(pd.concat([table().assign(geo=g) for g in ("north", "south")]), parse_spec(SPEC))


def test_fingerprint_ignores_order_and_sees_any_change():
    frame = table()
    same = frame.sample(frac=1, random_state=3)[frame.columns[::-1]]
    assert fingerprint(same) == fingerprint(frame)
    assert fingerprint(with_value("tv_spend", 30, frame["tv_spend"][30] + 0.01)) != fingerprint(frame)
    swapped = frame.copy()
    swapped.loc[[1, 2], "tv_spend"] = frame["tv_spend"][[2, 1]].to_numpy()
    assert fingerprint(swapped) != fingerprint(frame)


def test_files(tmp_path):
    table().to_csv(tmp_path / "weekly.csv", index=False)
    table().to_parquet(tmp_path / "weekly.parquet")
    spec = parse_spec(SPEC)
    from_csv = check_table(read_table(tmp_path / "weekly.csv"), spec)
    assert fingerprint(from_csv) == fingerprint(check_table(read_table(tmp_path / "weekly.parquet"), spec))
    (tmp_path / "empty.csv").write_text("")
    for name, says in (("empty.csv", "empty"), ("absent.csv", "no such file"), ("x.xlsx", "no such file")):
        with pytest.raises(InputError, match=says):
            read_table(tmp_path / name)
    (tmp_path / "x.xlsx").write_text("x")
    with pytest.raises(InputError, match="unknown format"):
        read_table(tmp_path / "x.xlsx")


def test_every_breach_is_reported_at_once_and_a_kept_contract_is_silent():
    frame = with_value("tv_spend", 30, -5.0).assign(price=3.0)
    with pytest.raises(InputError) as error:
        check_table(frame, parse_spec(SPEC))
    assert "column tv_spend: negative in weeks 2024-07-29" in str(error.value)
    assert "column price: never changes" in str(error.value)


def test_exposure_without_spend_is_organic():
    with pytest.raises(InputError, match="search has exposure but no spend: list it under `organic`"):
        check_table(table().assign(search_spend=0.0), parse_spec(SPEC))


REACH = {
    **SPEC,
    "media": {
        "channels": {"tv": {"spend": "tv_spend"}, "video": {"spend": "v", "reach": "r", "frequency": "f"}}
    },
}


def with_reach(**changes):
    reach = np.tile([0.0, 500.0, 800.0], 20)
    return table().assign(v=reach / 10, r=reach, f=np.where(reach > 0, 2.5, np.nan)).assign(**changes)


def test_frequency_may_be_missing_or_zero_only_where_nobody_was_reached():
    spec = parse_spec(REACH)
    assert check_table(with_reach(), spec)["f"].isna().sum() == 20
    check_table(with_reach(f=lambda rows: rows["f"].fillna(0)), spec)
    for spoilt in (
        with_reach(f=lambda rows: rows["f"].where(rows.index != 4)),
        with_reach(f=lambda rows: rows["f"].where(rows.index != 4, 0.0)),
        with_reach(f=lambda rows: rows["f"].where(rows.index != 4, -1.0)),
    ):
        with pytest.raises(InputError) as error:
            check_table(spoilt, spec, "weekly.csv")
        assert str(error.value).startswith(
            "weekly.csv: column f: not above 0 where people were reached in weeks 2024-01-29: state the mean number"
        )
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(InputError, match="column r: negative in weeks 2024-01-29"):
        check_table(with_reach(r=lambda rows: rows["r"].where(rows.index != 4, -1.0)), spec)
    with pytest.raises(InputError, match="column r: zero in every week"):
        check_table(with_reach(r=0.0), spec)


def test_the_logarithm_of_a_kpi_needs_it_above_zero():
    spec = parse_spec({**SPEC, "kpi": {"column": "revenue", "scale": "log"}})
    check_table(table(), spec)
    with pytest.raises(InputError) as error:
        check_table(with_value("revenue", 5, 0.0), spec)
    assert "column revenue: not positive in weeks 2024-02-05" in str(error.value)
    assert "kpi: {scale: level}" in str(error.value)
    check_table(with_value("revenue", 5, 0.0), parse_spec(SPEC))


def test_a_treatment_needs_a_number_every_week_and_must_move():
    spec = parse_spec({**SPEC, "controls": [], "treatments": {"cost": {"column": "price"}}})
    with pytest.raises(InputError, match="column price: missing in weeks 2024-01-29"):
        check_table(with_value("price", 4, float("nan")), spec)
    with pytest.raises(InputError, match="column price: never changes: take the treatment out"):
        check_table(table().assign(price=3.0), spec)


def test_the_contract_names_every_column_with_its_type():
    spec = parse_spec({**SPEC, "geo": {"column": "geo", "population": "people"}})
    schema = table_contract(spec)
    assert set(schema.columns) == set(spec.columns) - set(spec.filter)
    assert schema.unique == ["week_start", "geo"]


def test_a_file_is_refused_with_its_rows_and_the_values_it_shows(tmp_path):
    def said(changed):
        path = tmp_path / "weekly.csv"
        changed.to_csv(path, index=False)
        with pytest.raises(InputError) as refusal:
            check_table(read_table(path), parse_spec(SPEC), "weekly.csv")
        return str(refusal.value)

    assert "2024-07-29 (row 32): 'n/a'" in said(with_value("tv_spend", 30, "n/a"))
    assert "missing in weeks 2024-01-29 (row 6): fill it in the table" in said(
        with_value("price", 4, float("nan"))
    )
    assert "'someday' (row 4): write the day alone, YYYY-MM-DD" in said(
        with_value("week_start", 2, "someday")
    )
    assert "negative in weeks 2024-07-29 (row 32)" in said(with_value("tv_spend", 30, -5.0))
    months = table().assign(week_start=[f"{2019 + i // 12}{i % 12 + 1:02d}" for i in range(60)])
    assert "the rows are months ('201901', '201902', '201903' and 57 more)" in said(months)
    assert "no week (row 9)" in said(with_value("week_start", 7, None))


def test_blank_rows_at_the_end_and_padded_names_change_nothing(tmp_path):
    table().to_csv(tmp_path / "plain.csv", index=False)
    text = (tmp_path / "plain.csv").read_text().replace("tv_spend", " tv_spend\N{NO-BREAK SPACE}", 1)
    (tmp_path / "padded.csv").write_text(text + "," * 7 + "\n" + "," * 7 + "\n\n")
    spec = parse_spec(SPEC)
    plain, padded = (check_table(read_table(tmp_path / name), spec) for name in ("plain.csv", "padded.csv"))
    pd.testing.assert_frame_equal(plain, padded)


def test_a_filter_names_what_there_is(tmp_path):
    stores = table().assign(market=1.0)
    assert len(check_table(stores, parse_spec({**SPEC, "filter": {"market": "1"}}))) == 60
    with pytest.raises(InputError, match=r"no row has market = '2': known: 1\.0"):
        check_table(stores, parse_spec({**SPEC, "filter": {"market": "2"}}))


def test_a_column_that_is_there_twice_is_refused_in_a_data_frame_too():
    twice = pd.concat([table(), table()[["tv_spend"]]], axis=1)
    with pytest.raises(InputError, match="column 'tv_spend' is there twice"):
        check_table(twice, parse_spec(SPEC))


def test_the_day_of_a_week_is_the_one_that_is_written():
    berlin = table().assign(week_start=lambda rows: rows["week_start"].dt.tz_localize("Europe/Berlin"))
    expected = check_table(table(), parse_spec(SPEC))
    pd.testing.assert_frame_equal(check_table(berlin, parse_spec(SPEC)), expected)
    written = table().assign(
        week_start=lambda rows: rows["week_start"].dt.strftime("%Y-%m-%dT00:00:00+01:00")
    )
    pd.testing.assert_frame_equal(check_table(written, parse_spec(SPEC)), expected)


def test_a_geo_without_a_name_is_refused():
    rows = pd.concat([table().assign(geo="NA"), table().assign(geo=None)])
    with pytest.raises(InputError, match="column geo: no geo in weeks 2024-01-01"):
        check_table(rows, parse_spec({**SPEC, "geo": {"column": "geo"}}))
    panel = pd.concat([table().assign(geo="NA"), table().assign(geo="01")])
    assert set(check_table(panel, parse_spec({**SPEC, "geo": {"column": "geo"}}))["geo"]) == {"NA", "01"}


@pytest.mark.parametrize("other", ["new york", "New  York", "NewYork", "NEW\u00a0YORK"])
def test_geos_that_differ_in_capitals_or_blanks_alone_are_refused_with_their_rows(tmp_path, other):
    spec = parse_spec({**SPEC, "geo": {"column": "geo"}})
    frames = [table().assign(geo=name) for name in ("New York", other)]
    path = tmp_path / "weekly.csv"
    pd.concat(frames).to_csv(path, index=False)
    with pytest.raises(InputError) as refusal:
        check_table(read_table(path), spec, "weekly.csv")
    said = str(refusal.value)
    assert said.startswith("weekly.csv: column geo: 'New York' (rows 2, 3, 4, 5, 6 and 55 more) and '")
    assert " (rows 62, 63, 64, 65, 66 and 55 more) differ in capitals or blanks alone: write both" in said
    with pytest.raises(InputError, match="differ in capitals or blanks alone"):
        check_table(pd.concat(frames), spec)
