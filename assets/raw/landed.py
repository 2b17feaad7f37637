"""What is new in the landing folder for a table, and whether it may be loaded."""

from dataclasses import dataclass, field
from pathlib import Path

from assets.raw.contracts import WEEKLY_TABLES, Contract
from assets.raw.files import Accepted, FileRefused, LandingFile, check, landing_files
from assets.raw.ingest import digest, landing_folder_of, loaded_files, table_exists
from assets.raw.weekly_tables import check_weekly_table
from assets.resources.warehouse import Warehouse


@dataclass
class Landed:
    """What the landing folder held for one table."""

    contract: Contract
    files: list[LandingFile]
    loaded: dict[str, tuple[str, int]]
    exists: bool
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[FileRefused] = field(default_factory=list)

    @property
    def to_load(self) -> bool:
        """There are new rows, or the table has yet to be made."""
        return not self.refused and bool(self.accepted or not self.exists)


def inspect_landing(contract: Contract, folder: Path, warehouse: Warehouse) -> Landed:
    """Check the files that are new or changed since they were loaded."""
    with warehouse.connect(read_only=True) as connection:
        landed = Landed(
            contract,
            landing_files(folder, str(landing_folder_of(contract))),
            loaded_files(connection, contract),
            table_exists(connection, contract),
        )
    for file in landed.files:
        if landed.loaded.get(file.name, ("",))[0] == digest(contract, file):
            continue
        try:
            accepted = check_weekly_table(file) if contract is WEEKLY_TABLES else check(file, contract)
            landed.accepted.append(accepted)
        except FileRefused as refusal:
            landed.refused.append(refusal)
    return landed
