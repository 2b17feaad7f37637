"""Files that are copied or touched: when their bytes were first seen, and when they were last modified."""

import os

from assets.raw import ledger
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.load import load as load_tables
from assets.resources.landing import Landing

MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n2024-01-08,us,101.5\n"


def test_a_copy_of_the_same_bytes_was_exported_when_they_were_first_seen(new_platform):
    """A restore that keeps no times, or a `touch`, brings nothing that past weeks did not know."""
    landed = new_platform
    file = landed.land("macro/weekly/2024.csv", MACRO)
    contract = ALL_CONTRACTS["macro__weekly"]
    landed.warehouse.prepare()
    versions = []

    def times(at):
        os.utime(file, (at, at))
        load_tables([contract], Landing(folder=str(landed.landing)), landed.warehouse)
        with landed.warehouse.connect(read_only=True) as connection:
            versions.append(ledger.version(connection))
        found = landed.query("select epoch(exported_at) as e, epoch(modified_at) as m from raw.landing_files")
        return found.astype(int).to_numpy().tolist()

    assert times(10**9) == [[10**9, 10**9]]
    assert times(2 * 10**9) == [[10**9, 2 * 10**9]]
    assert versions[0] == versions[1]
    assert times(5 * 10**8) == [[5 * 10**8, 5 * 10**8]]  # an older copy of it was found
    file.write_text(MACRO.replace("101.5", "102"))
    assert times(2 * 10**9) == [[2 * 10**9, 2 * 10**9]]
