"""What dbt is told of `sources.yaml`: its variables."""

from functools import cache
from typing import Any

from assets.raw.connector import connector
from assets.raw.sources import sources, used_sources


@cache
def variables() -> dict[str, Any]:
    """Values of the variables that `dbt_project.yml` declares.

    `gives` says which sources have a staging model of each kind (of reach: those whose media have such a column),
    `amounts` whose sums are followed from the files on, `silence` what weeks without rows of each source of media mean,
    `stated` the currency and time zone of rows that do not say it themselves, by source.
    """
    contracts = [contract for source in used_sources() for contract in connector(source).contracts]
    calendar = sources().retail_calendar
    kinds: dict[str, list[str]] = {"media": [], "kpi": [], "controls": [], "reach": []}
    for contract in contracts:
        if contract.gives and contract.source not in kinds[contract.gives]:
            kinds[contract.gives].append(contract.source)
        states_reach = contract.gives == "media" and any(
            column.name == "reach" for column in contract.columns
        )
        if states_reach and contract.source not in kinds["reach"]:
            kinds["reach"].append(contract.source)
    return {
        "sources": used_sources(),
        "gives": kinds,
        "silence": [
            {"source": name, "means": sources().used[name].silence or connector(name).silence}
            for name in kinds["media"]
        ],
        "amounts": [
            {
                "table": contract.name,
                **{key: getattr(contract, key) for key in ("source", "gives", "per_unit")},
            }
            for contract in contracts
            if contract.amount and contract.gives
        ],
        "stated": [
            {"source": name, "currency": source.currency, "time_zone": source.time_zone}
            for name, source in sources().used.items()
            if source.currency or source.time_zone
        ],
        "currency": sources().currency,
        "unmapped_share": sources().unmapped_share,
        "retail_calendar": calendar.variables if calendar else None,
    }
