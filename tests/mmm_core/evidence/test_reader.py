"""Lift tests in files: what is read, and what is refused with test, row, column and remedy."""

import datetime as dt

import pytest

from mmm_core.errors import InputError
from mmm_core.evidence.columns import COLUMNS, template
from mmm_core.evidence.lift_test import LiftTest, TestedSpend
from mmm_core.evidence.reader import read_lift_tests

ROW = {
    "test_id": "tv-1",
    "market": "uk",
    "channels": "tv",
    "geos": "g01;g02",
    "start_date": "2025-01-06",
    "end_date": "2025-02-02",
    "design": "geo_holdout",
    "incremental_outcome": "-41200",
    "standard_error": "9800",
    "spend_with": "0",
    "spend_without": "63500",
}
TEST = LiftTest(
    test_id="tv-1",
    spend={"tv": TestedSpend(0.0, 63500.0)},
    start=dt.date(2025, 1, 6),
    end=dt.date(2025, 2, 2),
    incremental=-41200.0,
    standard_error=9800.0,
    geos=("g01", "g02"),
    design="geo_holdout",
    market="uk",
)


def file_of(folder, *rows):
    """A CSV of the rows; all have the columns of the first."""
    path = folder / "tests.csv"
    lines = [",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(folder, *rows):
    with pytest.raises(InputError) as refused:
        read_lift_tests(file_of(folder, *rows))
    return str(refused.value)


def test_a_row_is_a_test(tmp_path):
    assert read_lift_tests(file_of(tmp_path, ROW)) == (TEST,)


def test_the_template_reads_as_it_stands_and_has_every_column(tmp_path):
    path = tmp_path / "template.csv"
    path.write_text(template())
    (test,) = read_lift_tests(path)
    assert (test.test_id, test.status, test.post_weeks) == ("2025-q1-tv-holdout", "approved", 2)
    assert template().splitlines()[0].split(",") == [column.name for column in COLUMNS]


def test_every_column_has_its_place(tmp_path):
    more = {
        **ROW,
        "channels": "tv; ooh",
        "spend_with": "0;100.5",
        "spend_without": "60;50",
        "weekly_spend_without": "10 20 30;25 25 0",
        "geos": "all",
        "population_share": "0.25",
        "post_weeks": "2",
        "outcome": "KPI",
        "design": "Geo holdout",
        "currency": "gbp",
        "source": "agency",
        "reported_date": "2025-03-01",
        "pre_period_error": "0.04",
        "status": "pending",
    }
    (test,) = read_lift_tests(file_of(tmp_path, more))
    assert test.spend == {
        "tv": TestedSpend(0.0, 60.0, (10.0, 20.0, 30.0)),
        "ooh": TestedSpend(100.5, 50.0, (25.0, 25.0, 0.0)),
    }
    assert (test.geos, test.share, test.post_weeks, test.outcome) == ((), 0.25, 2, "kpi")
    assert (test.design, test.currency, test.source, test.status) == (
        "geo_holdout",
        "GBP",
        "agency",
        "needs review",
    )
    assert (test.reported, test.pre_period_error) == (dt.date(2025, 3, 1), 0.04)
    assert (test.days, test.incremental_spend) == (28, -9.5)
    assert test.measured_until == dt.date(2025, 2, 16)  # two whole weeks after that of 2 February, a Sunday


def test_semicolons_between_cells_and_decimal_commas(tmp_path):
    path = tmp_path / "tests.csv"
    row = {**ROW, "geos": '"g01;g02"', "incremental_outcome": "-41200,5", "standard_error": "9800,25"}
    path.write_text(";".join(row) + "\n" + ";".join(row.values()) + "\n")
    (test,) = read_lift_tests(path)
    assert (test.incremental, test.standard_error, test.geos) == (-41200.5, 9800.25, ("g01", "g02"))


def test_a_return_with_its_error_and_a_return_with_its_interval_are_converted(tmp_path):
    lift = {key: value for key, value in ROW.items() if key not in ("incremental_outcome", "standard_error")}
    stated = {**lift, "roi": "0.8", "standard_error": "0.1"}
    (test,) = read_lift_tests(file_of(tmp_path, stated))
    assert (test.incremental, test.standard_error) == (pytest.approx(-50800), pytest.approx(6350))
    interval = {"interval_low": "0.6355146373", "interval_high": "0.9644853627", "interval_level": "0.9"}
    (same,) = read_lift_tests(
        file_of(tmp_path, {**lift, "roi": "", **interval, "standard_error": ""} | {"roi": "0.8"})
    )
    assert (same.incremental, same.standard_error) == (pytest.approx(-50800), pytest.approx(6350, rel=1e-6))


def test_a_cost_for_a_unit_is_converted_and_is_one_of_units_alone(tmp_path):
    row = {**ROW, "incremental_outcome": "", "cost_per_target": "25", "standard_error": "5", "outcome": "kpi"}
    (test,) = read_lift_tests(file_of(tmp_path, row))
    assert (test.incremental, test.standard_error) == (-2540.0, 508.0)
    assert "column cost_per_target: is a cost of units: write kpi" in refusal(
        tmp_path, {**row, "outcome": ""}
    )
    assert "cost_per_target: a cost of -25 for a unit is not above 0" in refusal(
        tmp_path, {**row, "cost_per_target": "-25"}
    )


def test_an_interval_without_an_estimate_has_it_in_the_middle(tmp_path):
    row = {**ROW, "incremental_outcome": "", "standard_error": ""}
    row |= {"interval_low": "-60", "interval_high": "-20", "interval_level": "0.95"}
    (test,) = read_lift_tests(file_of(tmp_path, row))
    assert (test.incremental, test.standard_error) == (-40.0, pytest.approx(40 / (2 * 1.959963984540054)))


def test_an_error_counts_before_the_interval_beside_it(tmp_path):
    row = {**ROW, "interval_low": "-60000", "interval_high": "-20000", "interval_level": "0.95"}
    assert read_lift_tests(file_of(tmp_path, row)) == (TEST,)


YAML = """
- test_id: tv-1
  market: uk
  channels: [tv]
  geos: [g01, g02]
  start_date: 2025-01-06
  end_date: 2025-02-02
  design: geo_holdout
  incremental_outcome: -41200
  standard_error: 9800
  spend_with: 0
  spend_without: 63500
"""


def test_a_yaml_list_holds_the_same_tests(tmp_path):
    path = tmp_path / "tests.yaml"
    path.write_text(YAML)
    assert read_lift_tests(path) == (TEST,)


def test_spend_of_several_channels_in_a_yaml_is_by_name(tmp_path):
    path = tmp_path / "tests.yaml"
    text = YAML.replace("[tv]", "[tv, ooh]").replace("spend_with: 0", "spend_with: {ooh: 5, tv: 0}")
    text = text.replace("spend_without: 63500", "spend_without: {tv: 30, ooh: 10}")
    path.write_text(text + "  weekly_spend_without: {tv: [10, 20], ooh: [5, 5]}\n")
    (test,) = read_lift_tests(path)
    assert test.spend == {
        "tv": TestedSpend(0.0, 30.0, (10.0, 20.0)),
        "ooh": TestedSpend(5.0, 10.0, (5.0, 5.0)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test_id: tv-1\n", "expected a list of tests"),
        (YAML.replace("geos:", "goes:"), "entry 1: unknown key 'goes': did you mean 'geos'"),
        (YAML.replace("spend_with: 0", "spend_with: {radio: 0}"), "names radio, where channels are tv"),
        (YAML.replace("geos: [g01, g02]", "geos: {g01: 1}"), "geos: expected one value, got a mapping"),
        (YAML.replace("9800", "0"), r"entry 1 \(test 'tv-1'\): column standard_error: 0 is not above 0"),
    ],
)
def test_a_yaml_that_is_no_list_of_tests_is_refused(tmp_path, text, message):
    path = tmp_path / "tests.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_lift_tests(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"standard_error": "0"}, "column standard_error: 0 is not above 0: no test is free of error"),
        ({"standard_error": "-3"}, "column standard_error: -3 is not above 0"),
        ({"standard_error": ""}, "column standard_error: is blank: state it, or interval_low"),
        ({"standard_error": "n/a"}, "column standard_error: 'n/a' is not a number: write digits only"),
        ({"incremental_outcome": ""}, "column incremental_outcome: is blank: state it, roi, cost_per_target, or an"),
        ({"roi": "2"}, "column roi: is stated beside incremental_outcome"),
        ({"interval_low": "1"}, "column interval_high: is blank where interval_low is not"),
        ({"interval_low": "1", "interval_high": "2", "interval_level": "0.9"},
         "column interval_low: the interval from 1 to 2 does not"),
        ({"interval_low": "-90000", "interval_high": "0", "interval_level": "95"},
         "column interval_low: an interval of level 95"),
        ({"status": "aproved"}, "column status: 'aproved' is none: did you mean 'approved'"),
        ({"design": "geo_houldout"}, "column design: 'geo_houldout' is none: did you mean 'geo_holdout'"),
        ({"design": ""}, "column design: is blank: write one of geo_holdout"),
        ({"outcome": "revenu"}, "column outcome: 'revenu' is none: did you mean 'revenue'"),
        ({"start_date": "2025-03-01"}, "column end_date: 2025-02-02 is before start_date 2025-03-01: put the two"),
        ({"start_date": ""}, "column start_date: is blank"),
        ({"start_date": "nan"}, "column start_date: is blank: fill it in"),
        ({"end_date": "NULL"}, "column end_date: is blank: fill it in"),
        ({"end_date": "2/2/2025"}, "column end_date: '2/2/2025' is not a day: write the day alone, YYYY-MM-DD"),
        ({"reported_date": "2025-01-31"}, "column reported_date: 2025-01-31 is before end_date 2025-02-02"),
        ({"spend_with": "-5"}, "column spend_with: -5 is negative"),
        ({"spend_with": "63500"}, "column spend_without: is spend_with for tv: a test changes spend"),
        ({"spend_with": "1;2"}, "column spend_with: 2 amounts for 1 channels"),
        ({"spend_without": ""}, "column spend_without: is blank"),
        ({"weekly_spend_without": "100 200"}, "column weekly_spend_without: adds up to 300 for tv, where spend"),
        ({"weekly_spend_without": "100;200"}, "column weekly_spend_without: 2 lists for 1 channels"),
        ({"channels": "tv;tv"}, "column channels: 'tv' is there twice"),
        ({"channels": ""}, "column channels: is blank"),
        ({"population_share": "1.5"}, "column population_share: 1.5 is no share"),
        ({"post_weeks": "1.5"}, "column post_weeks: 1.5 is no number of weeks"),
        ({"post_weeks": "1000000"}, "column post_weeks: 1e+06 is no number of weeks: write 0, 1, 2, ... up to 520"),
        ({"incremental_outcome": "-1e300"}, "column incremental_outcome: -1e+300 is beyond anything that is measured"),
        ({"incremental_outcome": "", "roi": "1e308"}, "column roi: 1e+308 is beyond anything that is measured"),
        ({"spend_without": "1e300"}, "column spend_without: 1e+300 is beyond anything that is spent: look for a slip"),
        ({"standard_error": "1e-300"}, "column standard_error: comes to 1e-300 of an incremental outcome of -41200"),
        ({"incremental_outcome": "", "cost_per_target": "1e14", "outcome": "kpi", "standard_error": "1e-12"},
         "column standard_error: comes to 6.35e-36 of an incremental outcome of -6.35e-10: no test is that free"),
        ({"interval_low": "-90000", "interval_high": "0", "interval_level": "1e-320"},
         "column interval_low: an interval of level 9.99989e-321: write a share between 0 and 1"),
        ({"interval_low": "-90000", "interval_high": "0", "interval_level": "0.9999999999999999"},
         "column interval_low: an interval of level 1: write a share between 0 and 1"),
        ({"pre_period_error": "-1"}, "column pre_period_error: -1 is negative"),
    ],
)  # fmt: skip
def test_a_row_is_refused_by_test_row_column_and_remedy(tmp_path, changes, message):
    sound = {**dict.fromkeys(changes, ""), **ROW, "test_id": "sound", "end_date": "2025-02-09"}
    found = refusal(tmp_path, sound, {**sound, **ROW, **changes})
    assert f"row 3 (test 'tv-1'): {message}" in found
    assert "sound" not in found.replace(str(tmp_path), "")


def test_all_faults_of_all_rows_are_named_at_once(tmp_path):
    found = refusal(
        tmp_path, {**ROW, "standard_error": "0", "design": "x"}, {**ROW, "test_id": "", "geos": "a;a"}
    )
    assert [line.split(":")[0] for line in found.splitlines()[1:]] == [
        "  row 2 (test 'tv-1')", "  row 2 (test 'tv-1')", "  row 3", "  row 3",
    ]  # fmt: skip


def test_the_same_test_twice_is_refused_by_name_and_by_content(tmp_path):
    found = refusal(tmp_path, ROW, ROW)
    assert "row 3 (test 'tv-1'): column test_id: is there already in row 2: keep one" in found
    found = refusal(tmp_path, ROW, {**ROW, "test_id": "copy", "geos": "g02;g01"})
    assert "row 3 (test 'copy'): is test 'tv-1' (row 2) under another name: keep one" in found
    assert "row 2 (test 'tv-1'): is test 'copy' (row 3) under another name: keep one" in found


def test_a_column_that_is_missing_or_misspelt_is_named(tmp_path):
    assert "'channels': did you mean 'channel'" in refusal(
        tmp_path, {("channel" if key == "channels" else key): value for key, value in ROW.items()}
    )
    assert "column 'reported_day' is not read: did you mean 'reported_date'" in refusal(
        tmp_path, {**ROW, "reported_day": "2025-03-01"}
    )
    assert read_lift_tests(file_of(tmp_path, {**ROW, "remark": "of our own"})) == (TEST,)
