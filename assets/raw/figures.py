"""Figures of a contract's amount as messages show them."""

from decimal import Decimal

from assets.raw.contract import Column, Contract


def amount_column(contract: Contract) -> Column:
    return next(column for column in contract.columns if column.name == contract.amount)


def figure(amount: Decimal, contract: Contract, sign: str = "") -> str:
    """An amount as its column is counted: whole, or to the cent; of a table without one, an empty cell."""
    if not contract.amount:
        return ""
    decimals = 0 if amount_column(contract).kind == "integer" else 2
    return f"{amount:{sign},.{decimals}f}"
