"""Rows of two exports that are the same but for a blank that was filled in are found, whichever came first."""

from decimal import Decimal
from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest

from assets.raw.connector import connector, known_connectors
from assets.raw.filled_in import FilledIn, filled_in, may_be_blank, results, specs
from assets.raw.ingest import make_table

RADIO = connector("radio").contracts[0]
GENERIC = connector("generic").contracts[0]


@pytest.fixture
def raw():
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        for contract in (RADIO, GENERIC):
            make_table(connection, contract)
        yield connection


def line(raw, file, campaign, cost=70.1, start="2025-02-03", order=None, invoice="I1"):
    raw.execute(
        "insert into raw.radio__invoices (invoice_id, partner, campaign, market, geo, date_start, date_stop, net_cost, "
        "_file, _export_order) values (?, 'KX', ?, 'us', 'all', ?, '2025-02-09', ?, ?, ?)",
        [invoice, campaign, start, cost, file, order or ord(file)],
    )


def own(raw, file, spend, **columns):
    names = ", ".join(columns)
    raw.execute(
        f"insert into raw.generic__media (date, spend, _file, _export_order, {names}) "
        f"values ('2025-02-03', ?, ?, ?, {', '.join('?' * len(columns))})",
        [spend, file, ord(file), *columns.values()],
    )


def test_the_tables_asked_are_those_that_are_added_up_and_may_have_blanks():
    asked = {
        contract.name: may_be_blank(contract)
        for source in known_connectors()
        for contract in connector(source).contracts
        if may_be_blank(contract)
    }
    invoices = {
        f"{name}__invoices"
        for name in ("affiliate", "influencer", "podcast", "sponsorship", "radio", "print")
    }
    assert {name for name, columns in asked.items() if columns == ("campaign",)} == invoices
    assert asked["generic__media"] == ("market", "geo", "channel", "campaign")
    assert {name.partition("__")[0] for name in set(asked) - invoices} == {
        "generic",
        "microsoft_ads",
    }  # not attribution, whose reports are never added up


@pytest.mark.parametrize(("blank", "named"), [("a", "b"), ("b", "a")])
def test_a_campaign_that_was_filled_in_is_found_with_what_counts_twice(raw, blank, named):
    line(raw, blank, None)
    line(raw, blank, None, cost=29.9, start="2025-02-10")
    line(raw, named, "spring")
    line(raw, named, "spring", start="2025-02-10")
    assert filled_in(raw, RADIO) == [FilledIn(("campaign",), blank, named, 2, Decimal("100.000000"))]


def test_of_an_earlier_export_that_was_overruled_the_later_figure_counts(raw):
    line(raw, "a", None, cost=10)
    line(raw, "b", None, cost=30)
    line(raw, "c", "spring", cost=30)
    assert filled_in(raw, RADIO) == [FilledIn(("campaign",), "b", "c", 1, Decimal(30))]


def test_lines_that_differ_or_are_of_one_file_are_meant_to_be_two(raw):
    line(raw, "a", None)
    line(raw, "a", "spring")  # one file holds both
    line(raw, "b", "spring", invoice="I2")  # another invoice
    line(raw, "c", "spring", start="2025-02-10")  # another flight
    line(raw, "d", "one", invoice="I3")
    line(raw, "e", "two", invoice="I3")  # neither is blank
    assert filled_in(raw, RADIO) == []


def test_several_columns_may_be_filled_in_at_once(raw):
    own(raw, "a", 5, campaign="x", market=None, geo=None, channel=None)
    own(raw, "b", 5, campaign="x", market="us", geo="all", channel="tv")
    own(raw, "b", 7, campaign="y", market="us", geo="all", channel="tv")
    assert filled_in(raw, GENERIC) == [FilledIn(("market", "geo", "channel"), "a", "b", 1, Decimal(5))]


def test_the_check_warns_with_both_files_and_the_amount(raw):
    def check():
        (found,) = results(raw, dg.AssetKey("radio"), SimpleNamespace(landed=SimpleNamespace(contract=RADIO)))
        return found

    line(raw, "a", None)
    assert check().passed
    line(raw, "b", "spring")
    assert (check().passed, check().severity.value) == (False, "WARN")
    assert check().description == (
        "campaign is blank in a and filled in in b, in 1 row that is otherwise the same: both count, and net_cost "
        "70.10 counts twice: delete the older file, or take these rows out of a"
    )
    (spec,) = specs(dg.AssetKey("radio"), RADIO)
    assert spec.name == check().check_name
