"""Templates of source tables: a CSV file with the columns of the contract and an example row, to be filled in.

`python -m assets.raw.template` writes those of every connector beside its contract.
"""

import csv
import io
from pathlib import Path

from assets.raw.connector import connector, known_connectors
from assets.raw.contract import Column, Contract
from assets.raw.kinds import LARGEST_AMOUNT

_DAY = {"date": "2026-01-05", "month": "2026-01"}  # a Monday
_LAST_DAY = "2026-01-11"
_CELLS = {"moment": "2026-01-05 09:30:00", "flag": "false", "amounts": "100", "zone": "America/New_York"}
_TEXTS = {
    "market": "us",
    "metric": "awareness",
    "geo": "all",
    "region": "all",
    "geos": "all",
    "channel": "search",
    "channels": "search",
    "campaign_name": "us_all_search_brand",
    "shipping_address_country_code": "us",
    "country_code": "us",
    "property_market": "us",
    "deal_pipeline_stage_id": "closedwon",
    "currency": "USD",
    "action_type": "omni_purchase",
    "event_name": "purchase",
    "merged_deal_id": "1234567891",
}
_NUMBERS = {
    "population_share": "0.5",
    "pre_period_error": "0.05",
    "price_index": "100.0",
    "rate_to_usd": "1.0",
}


def template(contract: Contract) -> str:
    """The text of a template: the header, and one row that keeps the contract."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in contract.columns)
    writer.writerow(_example(column, contract) for column in contract.columns)
    return text.getvalue()


def template_path(contract: Contract) -> Path:
    return connector(contract.source).folder / f"{contract.table}.template.csv"


def _example(column: Column, contract: Contract) -> str:
    if column.kind in _DAY:
        stop = contract.period.stop if contract.period else ""
        return _LAST_DAY if column.name in (stop, "reported_date") else _DAY[column.kind]
    if column.name in _NUMBERS:
        return _NUMBERS[column.name]
    if column.kind in ("integer", "number"):
        largest = column.maximum
        number = 10.5 if largest is None or largest >= LARGEST_AMOUNT else largest / 2
        return str(int(number) if column.kind == "integer" else number)
    if column.kind in _CELLS:
        return _CELLS[column.kind]
    if "USD" in column.allowed:
        return "USD"
    if column.allowed:
        return column.allowed[0]
    # the id of a history of campaigns is that of the report's campaign
    called = column.also[0] if column.name == "id" and column.also else column.name
    return _TEXTS.get(called, "1234567890" if column.spelling == "id" else f"{called} 1")


def main() -> None:
    from mmm_core.files import write_whole

    for source in known_connectors():
        for contract in connector(source).contracts:
            text = template(contract)
            write_whole(template_path(contract), lambda partial, text=text: partial.write_text(text))


if __name__ == "__main__":
    main()
