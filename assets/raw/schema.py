"""Contracts as Pandera schemas over the text of a file, and the conversion of text that passed."""

from functools import cache
from typing import TYPE_CHECKING

from assets.raw.contracts import Column, Contract

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


@cache
def schema(contract: Contract) -> "pa.DataFrameSchema":
    """Pandera schema of a file of this table, read as text: what it lets through converts without loss."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {column.name: pa.Column(checks=_checks(column)) for column in contract.columns},  # all of it text
        name=contract.name,
    )


def _checks(column: Column) -> "list[pa.Check]":
    import pandas as pd
    import pandera.pandas as pa

    def check(test, fault: str) -> pa.Check:
        """`test` sees the cells that are not blank; a blank one is the business of `required`."""
        return pa.Check(lambda cells: (cells == "") | test(cells), error=fault, name=fault)

    def number(cells: "pd.Series") -> "pd.Series":
        return pd.to_numeric(cells, errors="coerce").replace([float("inf"), float("-inf")], float("nan"))

    checks = []
    if column.required:
        checks.append(pa.Check(lambda cells: cells != "", error="is blank", name="is blank"))
    if column.kind in ("integer", "number"):
        checks.append(check(lambda cells: number(cells).notna(), "is not a number"))
    if column.kind == "integer":
        checks.append(
            check(lambda cells: (number(cells) % 1).fillna(0) == 0, "is not a whole number"),
        )
    if column.minimum is not None:
        fault = "is negative" if column.minimum == 0 else f"is below {column.minimum:g}"
        checks.append(check(lambda cells: ~(number(cells) < column.minimum), fault))
    if column.maximum is not None:
        checks.append(check(lambda cells: ~(number(cells) > column.maximum), f"is above {column.maximum:g}"))
    if column.kind == "date":
        checks.append(check(lambda cells: days(cells).notna(), "is not a day (YYYY-MM-DD)"))
    if column.kind == "month":
        pattern = r"\d{4}-(0[1-9]|1[0-2])"
        checks.append(check(lambda cells: cells.str.fullmatch(pattern), "is not a month (YYYY-MM)"))
    if column.allowed:
        fault = f"is not one of {', '.join(column.allowed)}"
        checks.append(check(lambda cells: cells.isin(column.allowed), fault))
    return checks


def days(cells: "pd.Series") -> "pd.Series":
    """Text to days: YYYY-MM-DD, alone or with a time of midnight; anything else is NaT."""
    import pandas as pd

    day = cells.str.replace(r"[ T]00:00(:00(\.0+)?)?$", "", regex=True)
    return pd.to_datetime(day, format="%Y-%m-%d", errors="coerce")


def typed(contract: Contract, cells: "pd.DataFrame") -> "pd.DataFrame":
    """The text of a file that passed `schema`, converted to the contract's types."""
    import pandas as pd

    columns = {}
    for column in contract.columns:
        text = cells[column.name]
        if column.kind == "integer":
            columns[column.name] = pd.to_numeric(text, errors="coerce").round().astype("Int64")
        elif column.kind == "number":
            columns[column.name] = pd.to_numeric(text, errors="coerce")
        elif column.kind == "date":
            columns[column.name] = days(text)
        else:
            columns[column.name] = text.where(text != "", None)
    return pd.DataFrame(columns)
