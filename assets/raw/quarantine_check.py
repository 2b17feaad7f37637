"""What is told of the rows of a raw table that lie in quarantine: its check, its metadata, a line of the log."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from assets.raw import quarantine
from assets.raw.contract import Contract
from assets.raw.figures import amount_name, figure
from mmm_core.errors import listed
from mmm_core.plural import plural

if TYPE_CHECKING:
    from assets.raw.load import Loaded

NAME = "no_row_in_quarantine"
SHOWN = 20  # files and reasons, on an asset's page


def specs(key: dg.AssetKey, contract: Contract) -> list[dg.AssetCheckSpec]:
    """The check of a table whose source has bad rows set aside."""
    if contract.bad_rows != "quarantine":
        return []
    description = (
        "No row was set aside for breaking the contract, but for those that a later export replaces. Where some were, "
        f"the table is short of them: raw.{quarantine.TABLE} has each with its reason, marts.fct_quarantine counts "
        f"them by week. With more than {contract.bad_share:.1%} of its rows at fault a file is refused."
    )
    return [dg.AssetCheckSpec(NAME, asset=key, description=description)]


def results(key: dg.AssetKey, table: "Loaded") -> Iterator[dg.AssetCheckResult]:
    """What the check says after a load."""
    if table.landed.contract.bad_rows != "quarantine":
        return
    rows = sum(reason.rows for reason in table.quarantined)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=NAME,
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=in_words(table) if rows else "no row is in quarantine",
        metadata=metadata(table),
    )


def in_words(table: "Loaded") -> str:
    """What lies in quarantine, in words."""
    contract = table.landed.contract
    rows = sum(reason.rows for reason in table.quarantined)
    files = {reason.file for reason in table.quarantined}
    loaded = sum(entry.row_count or 0 for entry in table.entries.values())
    amount = figure(sum((reason.amount for reason in table.quarantined), Decimal(0)), contract)
    unread = sum(reason.unread for reason in table.quarantined)
    worth = f" with {amount_name(contract)} {amount}" if amount else ""
    if amount and unread == rows:
        worth = f" with {contract.amount} that cannot be read"
    elif amount and unread:
        worth += f" and {plural(unread, 'amount')} that cannot be read,"
    which = [f"{reason.rows:,} x {reason.reason} (row {reason.first} on)" for reason in table.quarantined]
    return (
        f"{plural(rows, 'row')}{worth} of {listed(sorted(files), 3)} {'lies' if rows == 1 else 'lie'} in quarantine, "
        f"beside {plural(loaded, 'that is', 'that are')} loaded: {listed(which, 3)}: "
        "mend them in the file, or export these days again"
    )


def _by_reason(table: "Loaded") -> str:
    """What lies in quarantine, a line a file and reason."""
    contract = table.landed.contract
    rows = [
        f"| {reason.file} | {reason.reason} | {reason.rows:,} | {reason.first} | {figure(reason.amount, contract)} |"
        for reason in table.quarantined[:SHOWN]
    ]
    if more := table.quarantined[SHOWN:]:
        rows.append(f"| and {len(more)} more | | {sum(reason.rows for reason in more):,} | | |")
    head = f"| file | reason | rows | the first of them | {amount_name(contract) or 'amount'} |\n|---|---|---|---|---|"
    return "\n".join([head, *rows]) if rows else "none"


def metadata(table: "Loaded") -> dict[str, object]:
    """Rows in quarantine and why they are there, for the page of the asset."""
    if not table.quarantined and table.landed.contract.bad_rows != "quarantine":
        return {}
    return {
        "rows_in_quarantine": sum(reason.rows for reason in table.quarantined),
        "quarantine": dg.MetadataValue.md(_by_reason(table)),
    }
