"""Which columns of a table or file elsewhere are the contract's. No other column is ever asked for."""

from collections.abc import Sequence
from pathlib import Path

from assets.raw.files import FileRefused, named
from assets.raw.folder import LandingFile
from assets.raw.origins.origin import NotFetched, TableOrigin
from mmm_core.errors import listed, nearest


def wanted(table: TableOrigin, names: Sequence[str], where: str) -> dict[str, str]:
    """The column of each of the contract's, by the contract's name; those that may be lacking and are, left out.

    Args:
        where: the table or file, for messages.

    Raises:
        NotFetched: a column is not there, or is there under two names.
    """
    if gone := {ours: theirs for ours, theirs in table.columns.items() if theirs not in names}:
        lines = [
            f"column {theirs}, which `columns:` reads as {ours}, is not there: {nearest(theirs, names)}"
            for ours, theirs in gone.items()
        ]
        raise NotFetched(f"{where}: {'; '.join(lines)}: correct `columns:` in sources.yaml")
    taken = set(table.columns.values())
    also = {name for column in table.contract.columns if column.name in table.columns for name in column.also}
    rest = [name for name in names if name not in {*taken, *table.columns, *also}]
    try:
        found = named(LandingFile(Path(where), where), table.contract, [*table.columns, *rest])
    except FileRefused as refusal:
        remedy = "map it in `columns:` of sources.yaml where it has another name now"
        raise NotFetched(f"{where}: {listed(refusal.faults)}: {remedy}") from None
    return {ours: table.columns.get(ours, theirs) for ours, theirs in found.written.items()}


def asked_for(table: TableOrigin) -> frozenset[str]:
    """Every name by which a column may be asked for: another that is there several times does no harm."""
    return table.contract.names | {*table.columns.values()}
