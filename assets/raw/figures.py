"""Figures of a contract's amount as messages show them."""

from decimal import Decimal

from assets.raw.contract import Column, Contract


def amount_column(contract: Contract) -> Column:
    return next(column for column in contract.columns if column.name == contract.amount)


def figure(amount: Decimal, contract: Contract, sign: str = "") -> str:
    """An amount in units of its currency, to the cent, or whole where it is counted; of a table without one, empty."""
    if not contract.amount:
        return ""
    is_whole = amount_column(contract).kind == "integer" and contract.per_unit == 1
    return f"{amount / contract.per_unit:{sign},.{0 if is_whole else 2}f}"


def amount_name(contract: Contract) -> str:
    """What such a figure is of: the column, and by what it is divided."""
    return contract.amount + (f" / {contract.per_unit:,}" if contract.per_unit > 1 else "")
