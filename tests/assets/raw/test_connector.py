"""Connectors: a folder each, whose YAML is read without guessing and whose template is a file that is taken."""

import pytest
import yaml

from assets.raw.connector import FILE, connector, known_connectors, read_connector
from assets.raw.contract import Contract
from assets.raw.files import check
from assets.raw.folder import LandingFile
from assets.raw.kinds import CURRENCIES
from assets.raw.template import template, template_path
from assets.resources.settings import REPOSITORY
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
        ("kind: amount", "kind: money", r"tables.spots.columns.cost.kind: Input should be 'text'"),
        ("about: Cost", "abuot: Cost", "tables.spots.columns.cost.about: Field required"),
        ("title: Radio", "titel: Radio", "title: Field required"),
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
