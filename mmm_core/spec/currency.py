"""One currency of a model's money: that of its table, which `calibration: rule: currency` states.

A budget or a scenario may say in which currency its amounts are. Nothing here knows a rate, so one that is not the
table's is refused when the YAML is read; one that is says no more than is known, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT = "USD"
"""Of a table that nobody says it of."""


def with_one_currency(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a model without currencies that are the table's.

    Raises:
        ValueError: a budget or scenario in another one.
    """
    known = _at(value, "calibration", "rule").get("currency") or DEFAULT
    budget = value.get("budget")
    if isinstance(budget, dict):
        value = {**value, "budget": _without(budget, "budget.currency", known)}
    plans = _at(value, "scenarios").get("plans")
    if isinstance(plans, dict):
        kept = {
            name: _without(plan, f"scenarios.plans.{name}.currency", known)
            if isinstance(plan, dict)
            else plan
            for name, plan in plans.items()
        }
        value = {**value, "scenarios": {**value["scenarios"], "plans": kept}}
    return value


def another_currency(key: str, stated: str, known: str) -> str:
    """That money is in another currency than the table's, and what to do."""
    return (
        f"{key} is {stated}, and the table's money is {known} (`calibration: rule: currency`): convert the amounts, "
        f"nothing here knows a rate; or where the table is in {stated}, write so there"
    )


def _at(value: Any, *place: str) -> Mapping[str, Any]:
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _without(section: dict[str, Any], key: str, known: Any) -> dict[str, Any]:
    stated = section.get("currency")
    if not isinstance(stated, str) or not isinstance(known, str):
        return section  # none, or what is refused by itself
    if stated.upper() != known.upper():
        raise ValueError(another_currency(key, stated, known))
    return {name: inner for name, inner in section.items() if name != "currency"}
