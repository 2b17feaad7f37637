"""The generated exports of `make bench B=ingest` land as a platform's own do."""

import datetime as dt
from decimal import Decimal

import pytest

from assets.raw.assets import landing_tables
from benchmarks.ingest import PLATFORMS, export

pytestmark = pytest.mark.slow


def test_its_exports_keep_their_contracts_and_meet_their_expectations(new_platform):
    rows, spent = export(new_platform.landing, rows=60_000, first=dt.date(2024, 1, 1), days=14)
    result = new_platform.run(landing_tables)
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert not [
        f"{each.asset_key.path[-1]}: {each.description}"
        for each in checks
        if not each.passed and each.blocking
    ]
    ledger = new_platform.query(
        "select source_table, sum(row_count) as rows, sum(amount) as amount from raw.landing_files group by all"
    )
    assert ledger["rows"].sum() == rows
    units = {platform.table.replace("/", "__"): platform.unit for platform in PLATFORMS}
    loaded = sum(Decimal(str(row.amount)) / units[row.source_table] for row in ledger.itertuples())
    assert float(loaded) == pytest.approx(float(spent), abs=0.01)
