"""Connectors: a folder each, whose YAML is read without guessing and whose template is a file that is taken."""

import re

import pandas as pd
import pytest
import yaml

from assets.raw.connector import FILE, connector, known_connectors, read_connector
from assets.raw.contract import Contract
from assets.raw.files import check
from assets.raw.folder import LandingFile
from assets.raw.schema import typed
from assets.raw.template import template, template_path
from assets.resources.settings import REPOSITORY
from mmm_core.data.currencies import CURRENCIES
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import DESIGNS, OUTCOMES, STATUSES

CONTRACTS = [contract for source in known_connectors() for contract in connector(source).contracts]


def by_name(contract: Contract) -> str:
    return contract.name


@pytest.mark.parametrize("contract", CONTRACTS, ids=by_name)
def test_the_template_of_a_table_is_taken_as_it_is(contract):
    path = template_path(contract)
    assert path.read_text() == template(contract), "run python -m assets.raw.template"
    accepted = check(LandingFile(path, path.name), contract, path.read_bytes(), "")
    assert len(accepted.rows) == 1
    assert accepted.extra_columns == ()


@pytest.mark.parametrize("source", known_connectors())
def test_a_connector_has_its_staging_models(source):
    staging = REPOSITORY / "dbt_project" / "models" / "staging" / source
    assert (staging / f"_{source}__sources.yml").is_file()
    assert list(staging.glob(f"stg_{source}__*.sql"))


def test_a_kind_is_a_type_a_spelling_and_what_becomes_of_it_over_days():
    (contract,) = connector("google_ads").contracts[:1]
    columns = {column.name: column for column in contract.columns}
    assert (columns["customer_id"].kind, columns["customer_id"].spelling) == ("text", "id")
    assert (columns["cost_micros"].minimum, columns["cost_micros"].over_days) == (0, "sum")
    assert columns["currency_code"].allowed == CURRENCIES


def test_what_a_lift_test_may_say_is_what_models_know():
    (contract,) = connector("experiments").contracts
    columns = {column.name: column for column in contract.columns}
    assert columns["design"].allowed == tuple(DESIGNS)
    assert columns["outcome"].allowed == tuple(OUTCOMES)
    assert columns["status"].allowed == (*STATUSES, "pending")


GOOD = """
title: Radio
tables:
  spots:
    about: one row a day
    grain: [day]
    period: {start: day}
    amount: cost
    columns:
      day: {kind: day, about: Day on air}
      cost: {kind: amount, about: Cost}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "grain: [day]",
            "grain: [dya]",
            "connector radio: table spots has no column dya: did you mean 'day'",
        ),
        ("amount: cost", "amount: costs", "no column costs"),
        ("start: day", "start: date", "no column date"),
        ("kind: amount", "kind: money", r"tables.spots.columns.cost.kind: input should be .text."),
        (
            "kind: day,",
            "kind: day, blank: all,",
            "column day has `blank`, which is for texts that are `optional`",
        ),
        ("about: Cost", "abuot: Cost", "tables.spots.columns.cost.about: required"),
        ("title: Radio", "titel: Radio", "title: required"),
    ],
)
def test_a_yaml_that_is_no_connector_is_refused_by_its_key(old, new, message):
    assert read_connector("radio", yaml.safe_load(GOOD)).contracts[0].amount == "cost"
    with pytest.raises(InputError, match=message):
        read_connector("radio", yaml.safe_load(GOOD.replace(old, new)))


def test_a_connector_that_is_not_there_is_named():
    with pytest.raises(
        InputError, match=r"'googel_ads': there is no such connector: did you mean 'google_ads'"
    ):
        connector("googel_ads")
    assert FILE == "connector.yaml"


MOMENTS = read_connector(
    "radio",
    yaml.safe_load("""
title: Radio
tables:
  spots:
    about: one row a spot
    grain: [aired_at]
    columns:
      aired_at: {kind: moment, about: When it was aired}
      paid: {kind: flag, about: Whether it was paid for}
      name: {kind: pattern, optional: true, about: Names it is for}
"""),
).contracts[0]


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("2021-09-15 5:00:00", "2021-09-15 05:00:00"),
        ("2022-05-20T07:00:00.5Z", "2022-05-20 07:00:00.5"),
        ("2023-05-20 08:00:00.000 +0000", "2023-05-20 08:00"),
        ("2018-10-08 17:42:30 UTC", "2018-10-08 17:42:30"),
        ("2024-03-31T02:30:00+02:00", "2024-03-31 00:30"),
    ],
)
def test_a_moment_is_utc_whatever_zone_it_is_written_in(cell, utc):
    rows, faults = typed(MOMENTS, pd.DataFrame({"aired_at": [cell], "paid": "TRUE", "name": "a|b"}))
    assert faults == []
    assert rows["aired_at"].tolist() == [pd.Timestamp(utc)]
    assert rows["paid"].tolist() == [True]


def test_a_moment_without_a_zone_is_utc_whatever_zone_the_cell_before_it_has():
    cells = [
        "2025-11-02 01:30:00-04:00",
        "2025-11-03 04:59:00",
        "2025-11-03",
        "2025-11-02 01:30:00-05:00",
        "2025-11-03 5:00",
    ]
    rows, faults = typed(MOMENTS, pd.DataFrame({"aired_at": cells, "paid": "TRUE", "name": "a|b"}))
    assert faults == []
    assert rows["aired_at"].dt.strftime("%d %H:%M").tolist() == [
        "02 05:30", "03 04:59", "03 00:00", "02 06:30", "03 05:00",
    ]  # fmt: skip


def test_moments_flags_and_patterns_that_are_none_are_named():
    cells = pd.DataFrame(
        {"aired_at": ["2024-13-01 00:00"], "paid": ["maybe"], "name": ["brand ("]}, index=[2]
    )
    _, faults = typed(MOMENTS, cells)
    assert [fault.line.split(": ")[1].partition(" (row 2)")[0] for fault in faults] == [
        "'2024-13-01 00:00' is no day and time", "'maybe' is neither true nor false",
        "'brand (' is no regular expression",
    ]  # fmt: skip


LISTED = re.compile(r"^\| ((?:`[a-z0-9_]+`(?:, )?)+) \|", re.MULTILINE)
LINKED = re.compile(r"\]\(([^)#]+)[^)]*\)")


@pytest.mark.parametrize("source", known_connectors())
def test_every_connector_has_a_page_that_names_its_tables_and_no_column_that_is_not_there(source):
    folder, contracts = connector(source).folder, connector(source).contracts
    page = (folder / "README.md").read_text()
    assert {contract.table for contract in contracts} <= set(re.findall(r"`([a-z0-9_]+)`", page))
    _, _, told = page.partition("\n| column | note |\n")
    listed = {name for cells in LISTED.findall(told) for name in cells.replace("`", "").split(", ")}
    assert listed <= {column.name for contract in contracts for column in contract.columns}
    links = [link for link in LINKED.findall(page) if "://" not in link]
    assert [link for link in links if not (folder / link).is_file()] == []
