"""Ready-made weekly tables of any columns: kept word for word in long form, or refused with the weeks named."""

import pandas as pd
import pytest

from assets.raw.files import FileRefused, read_bytes
from assets.raw.folder import scan
from assets.raw.weekly_tables import check_weekly_table, named_twice

WEEKS = ("2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22")


def taken(folder, text):
    (folder / "weekly_tables").mkdir()
    (folder / "weekly_tables" / "brand.csv").write_text(text)
    (file,) = scan(folder).tables["weekly_tables__values"]
    return check_weekly_table(file, *read_bytes(file))


def read(folder, text):
    return taken(folder, text).rows


def test_names_and_blanks_survive(tmp_path):
    rows = read(
        tmp_path, "wk_strt_dt,hldy_Father's Day,va_pub_0.15,a b\n2014-08-03,1,,3\n2014-08-10,0,.5,-4\n"
    )
    assert set(rows["column_name"]) == {"hldy_Father's Day", "va_pub_0.15", "a b"}
    assert set(rows["table_name"]) == {"brand"}
    assert set(rows["geo"]) == {"all"}
    values = rows.set_index(["week_start", "column_name"])["value"].unstack()
    assert values["va_pub_0.15"].isna().tolist() == [True, False]
    assert values["a b"].tolist() == [3, -4]
    assert [f"{week:%a}" for week in values.index] == ["Sun", "Sun"]  # the file's own weekday


def test_geos_are_keys(tmp_path):
    rows = read(tmp_path, "week_start,geo,sales\n2024-01-01,north,1\n2024-01-01,south,2\n")
    assert dict(zip(rows["geo"], rows["value"], strict=True)) == {"north": 1, "south": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("sales\n1\n", "no column of days: one must hold a day of each week", id="no week"),
        pytest.param("date\n2024-01-01\n", "no column besides the week", id="nothing else"),
        pytest.param(
            "date,a,b\n2024-01-01,1,7\n2024-01-08,2,storm\n",
            r"column b: 'storm' is not a number \(row 3\)",
            id="text among numbers",
        ),
        pytest.param(
            "date,a,b\n2024-01-01,1,7\n2024-01-08,2,1e300\n",
            r"column b: '1e300' is not a number \(row 3\): larger than any quantity \(1e\+100\)",
            id="too large",
        ),
        pytest.param(
            "date,a,b\n2024-01-01,1,EUR 1 200\n2024-01-08,2,EUR 900\n",
            r"column b: 'EUR 1 200', 'EUR 900' is not a number \(rows 2, 3\)",
            id="numbers in another notation",
        ),
        pytest.param(
            "date,note\n2024-01-01,storm\n",
            r"no column besides the week that holds numbers \('note': none\)",
            id="nothing but text",
        ),
        pytest.param(
            "date,country,area,a\n"
            + "".join(
                f"2024-01-{day:02d},{place},1\n"
                for day in (1, 8, 15, 22)
                for place in ("uk,n", "us,n", "us,s")
            ),
            "column country has 'uk', 'us', and a weekly table is of one",
            id="several markets",
        ),
        pytest.param(
            "week,a\n03/01/2023,1\n10/01/2023,2\n17/01/2023,3\n",
            r"column week begins with the day \(`%d/%m/%Y`\), as '17/01/2023' \(row 4\) can be nothing else",
            id="days in another order",
        ),
        pytest.param(
            "date,a\n2024-01-01,1\n2024-01-08,jo@example.com\n",
            r"column a: '\(left out\)' is not a number \(row 3\)",
            id="address",
        ),
        pytest.param(
            "date,jo@example.com\n2024-01-01,1\n",
            r"^.*\n  '\(left out\)': the name of a column or geo holds an e-mail address: call it after what it is$",
            id="address for a column",
        ),
        pytest.param(
            "date,geo,a\n2024-01-01,jo@example.com,1\n",
            r"'\(left out\)': the name of a column or geo holds",
            id="address for a geo",
        ),
        pytest.param(
            "date,Sales,sales\n2024-01-01,1,2\n",
            "columns 'Sales', 'sales' differ in capitals alone",
            id="columns alike",
        ),
        pytest.param(
            "date,tv_spend,tv_spend\n2024-01-01,1,2\n",
            "column 'tv_spend' is there twice: keep one",
            id="column twice",
        ),
        pytest.param(
            "date,a\njo@example.com,1\n", r"column date: '\(left out\)' is not a day", id="address for a week"
        ),
        pytest.param(
            "date,a\n2024-01-01,1\nsoon,2\n", r"column date: 'soon' is not a day .*\(row 3\)", id="date"
        ),
        pytest.param(
            "date,geo,a\n2024-01-01,n,1\n2024-01-01,s,1\n2024-01-01,n,2\n",
            r"more than one row for a week and geo \(rows 2, 4\)",
            id="week and geo twice",
        ),
        pytest.param(
            "date,a\n2024-01-01,1\n2024-01-22,2\n",
            "missing weeks 2024-01-08, 2024-01-15:",
            id="missing weeks",
        ),
        pytest.param(
            "date,geo,a\n2024-01-01,n,1\n2024-01-08,n,1\n2024-01-08,s,2\n",
            "missing weeks 2024-01-01 in geo s",
            id="missing week of a geo",
        ),
        pytest.param(
            "date,geo,a\n2024-01-01,New York,1\n2024-01-01,new  york,1\n",
            r"column geo: 'New York' \(row 2\) and 'new  york' \(row 3\) differ in capitals or blanks alone",
            id="geos alike",
        ),
        pytest.param(
            "date,a\n2024-01-01,1\n2024-01-02,2\n2024-01-03,2\n",
            r"the rows are days \([^)]*\): a weekly table is needed: add them up .* first row `in_week`",
            id="days",
        ),
        pytest.param(
            "date,a\n2024-01-01,1\n2024-01-08,2\n2024-01-16,2\n2024-01-22,2\n",
            "2024-01-16 is a Tuesday, in the week of 2024-01-15",
            id="weekday",
        ),
        pytest.param(
            "date,a,week_start\n2024-01-01,1,2\n", "column week_start is there beside date", id="week again"
        ),
    ],
)
def test_bad_tables_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileRefused, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["DATE", "Date", "week", "Week ending", "wk", "ds", "day"])
def test_the_week_is_the_column_of_days_whatever_its_name_and_place(tmp_path, name):
    rows = read(tmp_path, f"sales,{name},other\n1,2024-01-01,5\n2,2024-01-08,6\n")
    assert set(rows["column_name"]) == {"sales", "other"}
    assert sorted(set(rows["week_start"].dt.strftime("%Y-%m-%d"))) == ["2024-01-01", "2024-01-08"]


def test_columns_of_words_and_further_days_are_left_out_by_name(tmp_path):
    accepted = taken(
        tmp_path,
        "DATE,sales,events,made_on,note,blank\n2024-01-01,1,na,2024-02-01,,\n2024-01-08,2,event1,2024-02-01,wk 3,\n",
    )
    assert set(accepted.rows["column_name"]) == {"sales", "blank"}
    assert accepted.extra_columns == ("events", "made_on", "note")


def test_geos_of_another_name_are_found_as_inspect_finds_them(tmp_path):
    places = [f"{day},{region},{n}\n" for n, day in enumerate(WEEKS) for region in ("north", "south")]
    rows = read(tmp_path, "Week,Region,sales\n" + "".join(places))
    assert set(rows["geo"]) == {"north", "south"}
    assert set(rows["column_name"]) == {"sales"}


def test_columns_may_have_the_names_of_the_long_form(tmp_path):
    rows = read(tmp_path, "date,value,table_name,column_name\n2024-01-01,1,2,3\n2024-01-08,4,5,6\n")
    values = rows.set_index(["week_start", "column_name"])["value"].unstack()
    assert values["value"].tolist() == [1, 4]
    assert values["table_name"].tolist() == [2, 5]
    assert set(rows["table_name"]) == {"brand"}


def test_two_files_of_one_table_are_both_named(tmp_path):
    for name in ("brand.csv", "old/brand.CSV", "shop.csv"):
        (tmp_path / "weekly_tables" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "weekly_tables" / name).write_text("date,a\n2024-01-01,1\n")
    assert named_twice(scan(tmp_path).tables["weekly_tables__values"]) == {
        "weekly_tables/brand.csv": "weekly_tables/old/brand.CSV is table brand too: keep one of them",
        "weekly_tables/old/brand.CSV": "weekly_tables/brand.csv is table brand too: keep one of them",
    }


RULES = "date,geo,sales,price,brand,stock\nin_week,,sum,mean,last,MAX\n"


def days_from(first, count, geo="n", cells="{n},{n},{n},{n}"):
    days = pd.date_range(first, periods=count).strftime("%Y-%m-%d")
    return "".join(f"{day},{geo},{cells.format(n=n)}\n" for n, day in enumerate(days, start=1))


def test_days_become_weeks_as_the_file_says_of_each_column(tmp_path):
    """Two whole weeks and a day before and after them, of two geos, one of which is in no order."""
    north = days_from("2024-01-07", 16)  # a Sunday, and a Monday at the end
    south = "".join(reversed(days_from("2024-01-07", 16, "s", "{n}0,2,,1").splitlines(keepends=True)))
    rows = read(tmp_path, RULES + north + south)
    found = rows.set_index(["geo", "column_name", "week_start"])["value"].unstack()
    assert [f"{week:%a %Y-%m-%d}" for week in found.columns] == ["Mon 2024-01-08", "Mon 2024-01-15"]
    assert found.loc[("n", "sales")].tolist() == [sum(range(2, 9)), sum(range(9, 16))]
    assert found.loc[("n", "price")].tolist() == [5, 12]
    assert found.loc[("n", "brand")].tolist() == found.loc[("n", "stock")].tolist() == [8, 15]
    assert found.loc[("s", "sales")].tolist() == [10 * sum(range(2, 9)), 10 * sum(range(9, 16))]
    assert found.loc[("s", "price")].tolist() == [2, 2]
    assert found.loc[("s", "brand")].isna().all()
    assert set(rows.index[rows["geo"] == "n"]) == {4, 11}  # rows of the file, of each week's Monday


def test_days_become_weeks_wherever_their_column_stands_and_words_among_them_are_left_out(tmp_path):
    days = pd.date_range("2024-01-08", periods=7).strftime("%Y-%m-%d")
    text = "sales,DATE,note\nsum,In_Week,\n" + "".join(f"{n},{day},dry\n" for n, day in enumerate(days))
    accepted = taken(tmp_path, text)
    assert accepted.rows["value"].tolist() == [21]
    assert accepted.extra_columns == ("note",)


def test_of_a_blank_day_a_sum_is_not_known_and_the_rest_is_of_the_days_there_are(tmp_path):
    days = WEEK.replace("2024-01-14,n,7,7,7,7", "2024-01-14,n,,,,")
    rows = read(tmp_path, RULES + days).set_index("column_name")["value"]
    assert rows[["price", "brand", "stock"]].tolist() == [3.5, 6, 6]
    assert rows.isna().to_dict() == {"sales": True, "price": False, "brand": False, "stock": False}


WEEK = days_from("2024-01-08", 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULES, "no day below the row `in_week`"),
        (RULES.replace("mean", "") + WEEK, "row in_week: says nothing of 'price': write sum or mean"),
        (RULES.replace("mean", "men") + WEEK, "column price is 'men': did you mean 'mean'"),
        (RULES + WEEK.replace("2024-01-10,n,3,3,3,3\n", ""), "missing days 2024-01-10: add a row"),
        (RULES + WEEK + days_from("2024-01-09", 6, "s"), "missing days 2024-01-08 in geo s"),
        (RULES + WEEK + "2024-01-14,n,1,1,1,1\n", r"for a day and geo \(rows 9, 10\)"),
        (RULES + days_from("2024-01-09", 7), "no whole week, from Monday to Sunday"),
        (RULES + "2024-01-01,n,1,1,1,1\n2024-01-08,n,1,1,1,1\n", "the rows are weeks, and have a row `in_week`"),
        (RULES + days_from("2024-01-08", 7, ""), "column geo: is blank"),
    ],
    ids=["no day", "no rule", "odd rule", "missing day", "missing in geo", "twice", "no week", "weeks", "no geo"],
)  # fmt: skip
def test_days_that_make_no_weeks_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileRefused, match=message):
        read(tmp_path, text)
