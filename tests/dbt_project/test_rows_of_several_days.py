"""Rows of several days: what a contract's description says of its figures is what staging does with them.

A row of every such table is landed, with a figure of its own in each column, and found again in the staging models.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from assets.raw.connector import connector, known_connectors
from assets.raw.contract import WEEK, Contract
from assets.raw.template import template
from tests.built_sources import BuiltSources, build_sources

CONTRACTS = {
    contract.name: contract
    for source in known_connectors()
    for contract in connector(source).contracts
    if contract.period and (contract.period.stop or contract.period.weekly)
}
SPREAD = re.compile(r"staging spreads (.+?) evenly")
DAYS = 14
GEOS = "market,geo,geo_name,population\nus,all,United States,300\n"


def days_of(contract: Contract) -> int:
    assert contract.period is not None
    return DAYS if contract.period.stop else WEEK


def figures_of(contract: Contract) -> dict[str, float]:
    """A figure a column, none of them a fourteenth, a seventh or a half of another."""
    bounded = {column.name: column.maximum or 1e6 for column in contract.columns}
    return {name: bounded[name] * (0.51 + 0.01 * place) for place, name in enumerate(contract.numbers)}


def rows_of(contract: Contract) -> Iterator[dict[str, str]]:
    """The template's row, over fourteen days where a row may cover any; of a column that says which rule holds for the
    figure, one row a rule."""
    row = next(csv.DictReader(io.StringIO(template(contract))))
    whole = {column.name for column in contract.columns if column.kind == "integer"}
    for name, figure in figures_of(contract).items():
        row[name] = f"{figure:.0f}" if name in whole else f"{figure:.6f}"
    assert contract.period is not None
    if contract.period.stop:
        row[contract.period.stop] = "2026-01-18"
    if "in_week" in row:
        for rule in ("mean", "sum", "last", "max"):
            yield {**row, "control": rule, "in_week": rule}
        return
    yield row


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> BuiltSources:
    folder = tmp_path_factory.mktemp("several_days")
    for contract in CONTRACTS.values():
        rows = list(rows_of(contract))
        write(folder / "landing" / contract.folder / "a.csv", pd.DataFrame(rows).to_csv(index=False))
    write(folder / "landing" / "reference" / "geos" / "a.csv", GEOS)
    sources = sorted({contract.source for contract in CONTRACTS.values()})
    # whatever is expected of figures as large as these
    return build_sources(folder, sources, models=["path:models/staging"])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def staged_figures(staged: BuiltSources, source: str) -> list[float]:
    """Every figure of the staging models of a source."""
    columns = staged.query(
        "select table_name, column_name from information_schema.columns where table_schema = 'staging' "
        f"and table_name like 'stg_{source}\\_\\_%' escape '\\' and data_type in ('DOUBLE', 'BIGINT')"
    )
    assert len(columns), source
    found: list[float] = []
    for table, column in columns.itertuples(index=False):
        read = staged.query(f'select distinct "{column}" as figure from staging.{table}')
        found += read["figure"].dropna().astype(float).tolist()
    return found


def holds(found: list[float], figure: float) -> bool:
    """Whether a figure is among those found; whole units are spread as evenly as whole units are."""
    return any(abs(each - figure) <= max(1.0, 1e-9 * figure) if figure > 1000 else abs(each - figure) < 1e-6
               for each in found)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTRACTS)
def test_a_description_claims_the_spread_that_staging_does(staged, name):
    contract = CONTRACTS[name]
    claim = SPREAD.search(contract.days_rule)
    claimed = set(claim[1].split(", ")) if claim else set()
    stated = {column.name for column in contract.columns if column.over_days == "stated"}
    found = staged_figures(staged, contract.source)
    spread = {
        column
        for column, figure in figures_of(contract).items()
        if holds(found, figure / days_of(contract)) and column not in stated
    }
    assert claimed == spread
    whole = {column for column in figures_of(contract) if f"{column} of the row" in contract.days_rule}
    assert all(holds(found, figures_of(contract)[column]) for column in whole)


@pytest.mark.slow
def test_the_sum_of_a_control_is_shared_by_its_weeks_and_any_other_rule_holds_in_each(staged):
    controls = staged.query("select control, value from staging.stg_generic__controls")
    stated = figures_of(CONTRACTS["generic__controls"])["value"]
    weeks = controls.groupby("control")["value"].agg(["min", "max", "count"])
    assert set(weeks["count"]) == {2}
    for rule, each in {"mean": stated, "sum": stated / 2, "last": stated, "max": stated}.items():
        assert weeks.loc[rule, ["min", "max"]].tolist() == pytest.approx([each, each]), rule


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_description_of_days_names_what_it_speaks_of(name):
    rule = CONTRACTS[name].days_rule
    assert rule.startswith("A row covers")
    assert rule.endswith(".")
    assert "  " not in rule
