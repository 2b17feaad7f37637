"""Suites of Great Expectations: each fails on bad input, is asked of every row that counts, and links its page."""

import csv
import dataclasses
import datetime as dt
import gc
import math
import weakref
from itertools import chain

import duckdb
import pytest
import yaml

from assets.raw import validation
from assets.raw.connector import connector, known_connectors
from assets.raw.contract import SQL_TYPES
from assets.raw.contracts import CONTRACTS
from assets.raw.expectation_check import results, specs
from assets.raw.expectation_pages import folder, outcomes
from assets.raw.expectations import FILE, Suite, read_suite, suite_of
from assets.raw.ingest import make_table
from assets.raw.versions import brought_up_to_date
from mmm_core.errors import InputError

TODAY = dt.date(2026, 1, 5)
CONTRACTS_OF = {
    contract.name: contract for source in known_connectors() for contract in connector(source).contracts
}
SUITES = [suite for contract in CONTRACTS_OF.values() if (suite := suite_of(contract))]
GOOGLE = suite_of(CONTRACTS["google_ads__campaign_stats"])


@pytest.fixture
def raw():
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        yield connection


def table_of(connection, contract):
    """An empty raw table, with what a load keeps of its days."""
    make_table(connection, contract)
    brought_up_to_date(connection, contract, ())


def insert(connection, contract, *rows, first=2):
    """Rows of a raw table: what is not said is a value that meets every expectation."""
    kinds = {column.name: column.kind for column in contract.columns}
    usual = {
        "date": "2026-01-01",
        "moment": "2026-01-01 10:00:00",
        "integer": "10",
        "number": "10",
        "text": "USD",
    }
    for number, row in enumerate(rows, start=first):
        cells = {name: row.get(name, usual.get(kind)) for name, kind in kinds.items()}
        values = ", ".join(f"cast(? as {SQL_TYPES[kind]})" for kind in kinds.values())
        connection.execute(
            f"insert into raw.{contract.name} values ({values}, ?, {number}, 'd', {row.get('order', 1)}, now())",
            [*cells.values(), row.get("file", "a.csv")],
        )
    brought_up_to_date(connection, contract, {row.get("file", "a.csv") for row in rows})


UNLIKE = {"^[A-Z]{3}$": "US", "^20": "1926-01", "^[a-z][a-z0-9_]*$": "paid-social"}
"""By the expression that a cell must match, one that does not."""
LIKE = {
    "^((SUB|GRAND)[- ]?)?(TOTALS?|SUM)( .*)?$": "SUBTOTAL MARCH",
    "(?i)^[(]?(not set|null|none|undefined)[)]?$": "(not set)",
    "_days$": "school_days",
    r"(?<!\\)[A-Za-z0-9_ -]\*$": "us_brand*",
}
"""By the expression that a cell must not match, one that does."""
WHERE = {'name == "purchase"': {"name": "purchase"}}
"""By the condition on which a row is asked, cells of one that is."""


def example(contract):
    """The cells of a template's row."""
    (cells,) = csv.DictReader((connector(contract.source).folder / f"{contract.table}.template.csv").open())
    return cells


def offences(contract, expectation, good):
    """The least that a good row must change to meet an expectation no more: beyond each bound, if it has two."""
    kind, kwargs = expectation["type"], expectation["kwargs"]
    column = kwargs.get("column")
    whole = {each.name for each in contract.columns if each.kind == "integer"}
    if "row_condition" in kwargs:
        return [WHERE[kwargs["row_condition"]] | {column: None}]
    if kind == "expect_column_values_to_match_regex":
        return [{column: UNLIKE[kwargs["regex"]]}]
    if kind == "expect_column_values_to_not_match_regex":
        return [{column: LIKE[kwargs["regex"]]}]
    if kind == "expect_column_pair_values_a_to_be_greater_than_b":
        return [{kwargs["column_B"]: beyond(good[kwargs["column_A"]], 1)}]
    if kind == "expect_column_pair_values_to_be_in_set":
        pairs = {(a, b) for a in (True, False) for b in (True, False)}
        refused = pairs - set(map(tuple, kwargs["value_pairs_set"]))
        return [{kwargs["column_A"]: str(a), kwargs["column_B"]: str(b)} for a, b in refused]
    if kind == "expect_select_column_values_to_be_unique_within_record":
        return [dict.fromkeys(kwargs["column_list"], good[kwargs["column_list"][0]])]
    assert kind == "expect_column_values_to_be_between", f"say how to offend {kind}"
    step = 1 if column in whole else 0.001
    bounds = [(kwargs.get(f"{end}_value"), kwargs.get(f"strict_{end}", False), sign) for end, sign in ENDS]
    return [
        {column: beyond(at(bound), 0 if strict else sign * step)}
        for bound, strict, sign in bounds
        if bound is not None
    ]


ENDS = (("min", -1), ("max", 1))
LATER = dt.date(2026, 1, 12)
"""The day after the last of the templates' examples."""


def at(bound):
    """A bound, as the day of the check makes it."""
    if not isinstance(bound, dict):
        return bound
    tomorrow = dt.datetime.combine(LATER, dt.time()) + dt.timedelta(days=1)
    return eval(bound["$PARAMETER"], {"tomorrow": tomorrow, "timedelta": dt.timedelta})


def beyond(value, step):
    """A figure, day or moment a step further, as a cell: days go by days."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value) if value.count("-") == 2 else float(value)
    if not isinstance(value, dt.datetime):
        return repr(int(value + step) if step == int(step) else value + step)
    days = int(math.copysign(1, step)) if step else 0
    return (value + dt.timedelta(days=days)).isoformat(" ")


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.contract.name)
def test_every_expectation_that_is_shipped_passes_the_template_and_fails_on_what_breaks_it(raw, suite):
    contract = suite.contract
    table_of(raw, contract)
    assert validation.validate(raw, suite, LATER) == ()  # nothing to ask
    good = {name: cell or None for name, cell in example(contract).items()}
    insert(raw, contract, good)
    met = validation.validate(raw, suite, LATER)
    assert [outcome.error or outcome.examples for outcome in met if not outcome.met] == []
    changes = [offences(contract, each, good) for each in suite.expectations]
    rows = [good | change for those in changes for change in those]
    insert(raw, contract, *rows, first=3)
    done = validation.validate(raw, suite, LATER)
    number = 3
    for outcome, those in zip(done, changes, strict=True):
        own = {f"a.csv row {number + n}" for n in range(len(those))}
        named = {example.partition(":")[0] for example in outcome.examples}
        assert (outcome.met, outcome.error) == (False, ""), outcome.description
        assert own <= named, outcome.description
        assert "a.csv row 2" not in named, outcome.description
        assert outcome.unexpected >= len(own)
        number += len(those)


@pytest.mark.parametrize("source", known_connectors())
def test_every_connector_has_a_suite(source):
    assert [suite.contract.table for suite in SUITES if suite.contract.source == source]


def test_rows_that_a_condition_leaves_out_are_not_asked(raw):
    """The row that is named is that of the table, not of what the condition left of it."""
    suite = suite_of(CONTRACTS_OF["ga4__event"])
    table_of(raw, suite.contract)
    good = example(suite.contract)
    other, sold = {"ecommerce_transaction_id": None}, {"name": "purchase"}
    insert(raw, suite.contract, *(good | each for each in (other, sold, other, sold | other)))
    (found,) = [
        each for each in validation.validate(raw, suite, LATER) if "number of its order" in each.description
    ]
    assert (found.rows, found.unexpected) == (2, 1)
    assert found.examples[0].startswith("a.csv row 5")


def test_batches_add_up_to_the_whole_and_rows_that_a_later_export_holds_do_not_count(raw, monkeypatch):
    table_of(raw, GOOGLE.contract)
    rows = [{"campaign_id": str(number)} for number in range(7)]
    rows[1] |= {"clicks": "11"}
    rows[5] |= {"clicks": "12", "cost_micros": "-1"}
    insert(raw, GOOGLE.contract, *rows)
    whole = validation.validate(raw, GOOGLE, TODAY)
    monkeypatch.setattr(validation, "ROWS", 2)
    assert validation.validate(raw, GOOGLE, TODAY) == whole
    spend, day, clicks, currency = whole
    assert (spend.unexpected, day.unexpected, clicks.unexpected, currency.unexpected) == (1, 0, 2, 0)
    assert (clicks.rows, clicks.examples) == (7, ("a.csv row 3: 10 and 11", "a.csv row 7: 10 and 12"))
    insert(raw, GOOGLE.contract, {"campaign_id": "1", "order": 2, "file": "b.csv"})
    counted = validation.validate(raw, GOOGLE, TODAY)[2]
    assert (counted.rows, counted.unexpected) == (7, 1)


def test_what_met_everything_is_asked_again_only_where_other_rows_of_it_count(raw, monkeypatch):
    table_of(raw, GOOGLE.contract)
    monkeypatch.setattr(validation, "ROWS", 4)
    asked = []
    batches = validation._batches
    monkeypatch.setattr(validation, "_batches", lambda *args: (asked.append(args[2]), batches(*args))[1])

    def validate(suite=GOOGLE):
        asked.clear()
        return validation.validate(raw, suite, TODAY), [*asked]

    for number, file in enumerate(["a.csv", "b.csv", "c.csv"]):
        insert(raw, GOOGLE.contract, *({"campaign_id": f"{number}{n}", "file": file} for n in range(2)))
    first, of = validate()
    assert of == [["a.csv", "b.csv"], ["c.csv"]]
    assert all(outcome.met and outcome.rows == 6 for outcome in first)
    assert validate() == (first, [])

    insert(raw, GOOGLE.contract, {"campaign_id": "9", "clicks": "99", "file": "d.csv"})
    for _ in range(2):  # what is not met is asked every time
        found, of = validate()
        assert of == [["d.csv"]]
        assert (found[2].met, found[2].rows, found[2].unexpected) == (False, 7, 1)
    # A later export holds a row of b.csv: the group of b.csv has other rows that count.
    insert(raw, GOOGLE.contract, {"campaign_id": "10", "order": 2, "file": "e.csv"})
    found, of = validate()
    assert sorted(chain(*of)) == ["a.csv", "b.csv", "d.csv", "e.csv"]
    assert found[0].rows == 7
    # Another row of b.csv instead: as many rows are overruled as before, but others.
    raw.execute(f"delete from raw.{GOOGLE.contract.name} where _file = 'e.csv'")
    insert(raw, GOOGLE.contract, {"campaign_id": "11", "order": 2, "file": "e.csv"})
    assert "b.csv" in chain(*validate()[1])
    stricter = dataclasses.replace(GOOGLE, digest="other")
    assert len([*chain(*validate(stricter)[1])]) == 5


def test_with_and_without_what_was_asked_before_the_answer_is_the_same(raw):
    table_of(raw, GOOGLE.contract)
    for number in range(4):
        rows = [{"campaign_id": f"{n}", "clicks": f"{n + 2 * number}", "order": number} for n in range(5)]
        insert(raw, GOOGLE.contract, *({**row, "file": f"{number}.csv"} for row in rows[number:]))
        found = validation.validate(raw, GOOGLE, TODAY)
        raw.execute("delete from raw.landing_expectations")
        assert validation.validate(raw, GOOGLE, TODAY) == found


def test_a_share_of_rows_may_be_allowed(raw):
    keys = yaml.safe_load("""
campaign_stats:
  - {type: expect_column_values_to_be_between, kwargs: {column: clicks, max_value: 9, mostly: 0.5}, description: Few.}
""")
    suite = read_suite(GOOGLE.contract, keys, connector("google_ads").folder / FILE)
    table_of(raw, suite.contract)
    insert(raw, suite.contract, {"clicks": "1"}, {})
    assert validation.validate(raw, suite, TODAY)[0].met
    insert(raw, suite.contract, {})
    assert not validation.validate(raw, suite, TODAY)[0].met


def test_an_expectation_that_cannot_be_asked_is_not_met(raw):
    wrong = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "campaign_name", "regex": "("},
        "description": "A pattern.",
    }
    suite = Suite(GOOGLE.contract, (wrong,), ("campaign_name",), "d")
    table_of(raw, suite.contract)
    insert(raw, suite.contract, {})
    (found,) = validation.validate(raw, suite, TODAY)
    assert not found.met
    assert "unterminated" in found.error


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"column": "clicks", "max_value": "many"}, "max_value: 'many': value is not a valid float"),
        ({"column": "clicks", "max_valu": 3}, "max_valu: 3: extra fields not permitted"),
        ({"column": "clicks", "max_value": 3, "mostly": 50}, "mostly: 50: ensure this value is less than"),
        ({"column": "clicks"}, "min_value and max_value cannot both be None"),
    ],
)
def test_arguments_that_are_not_taken_are_told_with_the_file_and_the_place_in_it(raw, kwargs, says):
    keys = {
        "campaign_stats": [
            GOOGLE.expectations[0],
            {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "description": "Some."},
        ]
    }
    path = connector("google_ads").folder / FILE
    suite = read_suite(GOOGLE.contract, keys, path)
    table_of(raw, suite.contract)
    insert(raw, suite.contract, {})
    (found,) = validation.validate(raw, suite, TODAY)
    assert not found.met
    assert f"{path}: campaign_stats: expectation 2: " in found.error
    assert says in found.error


def test_what_cannot_be_asked_is_told_of_itself_and_not_of_another(raw):
    good, late = GOOGLE.expectations[2], GOOGLE.expectations[1]
    wrong = good | {"kwargs": good["kwargs"] | {"row_condition": "clicks >", "condition_parser": "pandas"}}
    suite = dataclasses.replace(GOOGLE, expectations=(late, good, wrong))
    table_of(raw, suite.contract)
    insert(raw, suite.contract, {"date": "2026-01-07"}, {"clicks": "11"})
    found = validation.validate(raw, suite, TODAY)
    assert [(each.unexpected, bool(each.error)) for each in found] == [(1, False), (1, False), (0, True)]


def test_two_days_are_written_as_days(raw):
    suite = suite_of(CONTRACTS["experiments__lift_tests"])
    table_of(raw, suite.contract)
    insert(raw, suite.contract, example(suite.contract) | {"reported_date": "2026-01-10"})
    failed = [each.examples for each in validation.validate(raw, suite, LATER) if not each.met]
    assert failed == [("a.csv row 2: 2026-01-10 and 2026-01-11",)]


def test_the_rows_of_the_last_batch_are_let_go(raw):
    """What asks the batches lives as long as the process; half a million rows must not."""
    ask = validation._asking(GOOGLE, TODAY)
    table_of(raw, GOOGLE.contract)
    insert(raw, GOOGLE.contract, {})
    (rows,) = validation._batches(raw, GOOGLE, ["a.csv"])
    held = weakref.ref(rows)
    assert ask(rows).success
    del rows
    gc.collect()
    assert held() is None


def test_the_check_names_rows_links_the_page_and_is_not_run_again_for_nothing(raw, tmp_path, monkeypatch):
    table_of(raw, GOOGLE.contract)
    insert(raw, GOOGLE.contract, {"clicks": "11"})
    warehouse = tmp_path / "warehouse.duckdb"

    class Table:
        class landed:
            contract = GOOGLE.contract

        version = "1"

    (check,) = results(raw, warehouse, "key", Table)
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert (
        "There are no more clicks than impressions. 1 of 1 row does not: a.csv row 2: 10 and 11"
        in check.description
    )
    page = folder(warehouse) / f"{GOOGLE.contract.name}.html"
    assert check.metadata["page_file"].value == str(page)
    assert check.metadata["page"].value == f"http://127.0.0.1:8090/expectations/{page.name}"
    monkeypatch.setenv("MMM_DOCS_UI", "https://docs.example/")
    (behind_a_proxy,) = results(raw, warehouse, "key", Table)
    assert behind_a_proxy.metadata["page"].value == f"https://docs.example/expectations/{page.name}"
    assert "There are no more clicks than impressions." in page.read_text()
    assert "http" not in "".join(
        line for line in page.read_text().splitlines() if "<link" in line or "src=" in line
    )
    index = (folder(warehouse) / "index.html").read_text()
    assert f'<a href="{GOOGLE.contract.name}.html">' in index
    assert "<th>Table</th><th>Met</th><th>What does not hold</th>" in index
    asked = len(GOOGLE.expectations)
    row = f"<td>{asked - 1} of {asked} expectations</td><td>There are no more clicks than impressions.</td>"
    assert row in index
    raw.execute(f"update raw.{GOOGLE.contract.name} set cost_micros = -1")
    (check,) = results(raw, warehouse, "key", Table)  # one failed, so it is asked again
    assert (check.passed, check.severity.value) == (False, "ERROR")
    raw.execute(f"update raw.{GOOGLE.contract.name} set cost_micros = 1, clicks = 1")
    assert results(raw, warehouse, "key", Table)[0].passed
    monkeypatch.setattr(validation, "validate", lambda *_: pytest.fail("asked again"))
    assert all(outcome.met for outcome in outcomes(raw, warehouse, GOOGLE, "1"))
    assert specs("key", GOOGLE.contract)[0].blocking
    assert specs("key", CONTRACTS["google_ads__campaign_history"]) == []


@pytest.mark.parametrize(
    "damage", [lambda page: page.with_suffix(".json").write_text('{"key"'), lambda page: page.unlink()]
)
def test_what_is_damaged_or_gone_is_made_again_and_stops_no_load(raw, tmp_path, damage):
    other = suite_of(CONTRACTS["linkedin_ads__ad_analytics_by_campaign"])
    for suite in (GOOGLE, other):
        table_of(raw, suite.contract)
        insert(raw, suite.contract, {})
        outcomes(raw, tmp_path / "warehouse.duckdb", suite, "1")
    page = folder(tmp_path / "warehouse.duckdb") / f"{GOOGLE.contract.name}.html"
    damage(page)
    assert outcomes(raw, tmp_path / "warehouse.duckdb", other, "2")
    assert all(outcome.met for outcome in outcomes(raw, tmp_path / "warehouse.duckdb", GOOGLE, "1"))
    assert page.is_file()
    index = (page.parent / "index.html").read_text()
    assert f"{GOOGLE.contract.name}.html" in index
    assert f"{other.contract.name}.html" in index


def test_a_page_asks_no_other_server_and_writes_values_as_text(raw, tmp_path):
    table_of(raw, GOOGLE.contract)
    insert(raw, GOOGLE.contract, {"currency_code": "<b>"})
    outcomes(raw, tmp_path / "warehouse.duckdb", GOOGLE, "1")
    page = (folder(tmp_path / "warehouse.duckdb") / f"{GOOGLE.contract.name}.html").read_text()
    assert "http" not in page
    assert "<script" not in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_table_without_rows_has_a_page_that_says_so(raw, tmp_path):
    table_of(raw, GOOGLE.contract)
    assert outcomes(raw, tmp_path / "warehouse.duckdb", GOOGLE, "1") == ()
    place = folder(tmp_path / "warehouse.duckdb")
    assert "The table has no rows." in (place / f"{GOOGLE.contract.name}.html").read_text()
    assert "no rows" in (place / "index.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "it must list expectations under the name of each table"),
        ("campaign_stat: []", "campaign_stat: no such table: did you mean 'campaign_stats'"),
        ("campaign_stats: [{type: x}]", "expectation 1: it must have `type:`, `kwargs:` and `description:`"),
        (
            "campaign_stats: [{type: expect_column_values_to_be_unique, kwargs: {column: date}, description: d}]",
            "expect_column_values_to_be_unique is none of single rows",
        ),
        (
            "campaign_stats: [{type: expect_column_values_to_be_null, kwargs: {column: dat}, description: d}]",
            "there is no column dat: did you mean 'date'",
        ),
        (
            "campaign_stats: [{type: expect_column_values_to_be_null, kwargs: {column: date}, description: d, "
            "severity: bad}]",
            "severity 'bad' is none of: critical, warning, info",
        ),
        (
            "campaign_stats: [{type: expect_column_values_to_be_null, kwargs: {column: date, row_condition: klicks > 1}"
            ", description: d}]",
            "row_condition 'klicks > 1' names no column: known: customer_id",
        ),
        (
            "campaign_stats: [{type: expect_select_column_values_to_be_unique_within_record, kwargs: "
            "{column_list: date}, description: d}]",
            "column_list: 'date': write a list of columns",
        ),
        (
            "campaign_stats: [{type: expect_column_values_to_be_between, kwargs: {column: date, max_value: "
            "{$PARAMETER: tomorow}}, description: d}]",
            "PARAMETER: tomorow: it begins with none of: tomorrow",
        ),
    ],
)
def test_a_fault_of_the_file_is_named(text, message):
    with pytest.raises(InputError, match=message):
        read_suite(GOOGLE.contract, yaml.safe_load(text), connector("google_ads").folder / FILE)
