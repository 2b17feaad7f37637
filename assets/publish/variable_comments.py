"""What the columns of `mmm_model_table` are, in words with their unit: dbt knows no more of them than that they follow
from the rows of `fct_model_inputs`, and a column without a word is one that nobody dares to use.
"""

from typing import TYPE_CHECKING

from assets.marts.variables import variables
from assets.raw.connector import connector
from assets.raw.sources import used_sources

if TYPE_CHECKING:
    import duckdb

WIDE = "marts.mmm_model_table"
_LONG, _CHANNELS = "marts.fct_model_inputs", "marts.dim_channel"
_ORDER_VALUE = "average_order_value"
_UNKNOWN = "null where it is not known"


def variable_comments(source: "duckdb.DuckDBPyConnection") -> dict[str, str]:
    """The comment of each column of the wide table that is a variable, with its unit.

    Args:
        source: the warehouse; without the long table it has no comments.
    """
    if not _holds(source, _LONG):
        return {}
    kinds = source.execute(f"select distinct variable, kind from {_LONG} order by all").fetchall()
    channels = _channels(source)
    money = _kpis_of_money(source)
    return {variable: _comment(variable, kind, channels, money) for variable, kind in kinds}


def _comment(variable: str, kind: str, channels: dict[str, tuple[str, str]], money: frozenset[str]) -> str:
    currency = variables()["currency"]
    if kind == "population":
        return "People who live in the geo, a number of persons, as in reference/geos."
    if kind == "kpi":
        unit = _unit_of_kpi(variable, money)
        return f"KPI {variable}: {unit}, of the whole week; null where a day of it was not reported."
    if kind == "control":
        return f"Control {variable}: {_about_control(variable)}, of the week; {_UNKNOWN}."
    name = variable.removesuffix(f"_{kind}")
    label, unit = channels.get(name, ("", ""))
    whose = f"of {label}" if label else f"of the channels of {name}, a level of reference/channel_levels"
    return {
        "spend": f"Spend {whose} in the week, {currency} at the week's rate; 0 when nothing ran, {_UNKNOWN}.",
        "impressions": f"Exposure {whose} in the week, {unit or 'in the exposure_unit of each channel'}; {_UNKNOWN}.",
        "clicks": f"Clicks {whose} in the week, a number of clicks; {_UNKNOWN}.",
        "conversions": f"Purchases {whose} that the platforms claim in the week, a number of them; {_UNKNOWN}.",
        "reach": f"Persons who saw an ad {whose} at least once in the week; {_UNKNOWN}.",
        "frequency": f"Impressions by person reached {whose} in the week; null where reach is null or 0.",
    }[kind]


def _channels(source: "duckdb.DuckDBPyConnection") -> dict[str, tuple[str, str]]:
    """Label and unit of exposure of every channel."""
    if not _holds(source, _CHANNELS):
        return {}
    found = source.execute(f"select channel, label, exposure_unit from {_CHANNELS}").fetchall()
    return {channel: (label, unit) for channel, label, unit in found}


def _unit_of_kpi(kpi: str, money: frozenset[str]) -> str:
    currency = variables()["currency"]
    if kpi == _ORDER_VALUE:
        return f"revenue by order, {currency}"
    return f"money, {currency} at the week's rate" if kpi in money else "a number of what its name says"


def _kpis_of_money(source: "duckdb.DuckDBPyConnection") -> frozenset[str]:
    """The KPIs that some source states in a currency."""
    tables = [f"staging.stg_{name}__kpi" for name in variables()["gives"]["kpi"]]
    found = [
        source.execute(f"select distinct kpi from {table} where currency is not null").fetchall()
        for table in tables
        if _holds(source, table)
    ]
    return frozenset(kpi for rows in found for (kpi,) in rows)


def _about_control(control: str) -> str:
    """What a control is, as the contract of its source has it where it has a column of that name."""
    for name in used_sources():
        for contract in connector(name).contracts:
            for column in contract.columns:
                if contract.gives == "controls" and column.name == control:
                    return column.about[:1].lower() + column.about[1:]
    return "in the unit of its source"


def _holds(source: "duckdb.DuckDBPyConnection", table: str) -> bool:
    schema, name = table.split(".")
    found = source.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?", [schema, name]
    )
    return found.fetchone() is not None
