"""A file of the landing folder, read as the loader reads it; and a small good one of Google Ads."""

from pathlib import Path

import duckdb

from assets.raw.contract import Contract
from assets.raw.contracts import CONTRACTS
from assets.raw.files import Accepted, FileRefused, check, read_bytes
from assets.raw.folder import LandingFile, scan
from assets.raw.plain import days_in_doubt, plain_file, repeats_a_row
from assets.raw.surface import surface
from mmm_core.inputs import UnreadableFile

HEADER = (
    "customer_id,currency_code,date,campaign_id,campaign_name,"
    "device,ad_network_type,impressions,clicks,cost_micros"
)
ROW = "1,USD,2024-01-0{day},7,us_all_search_brand,MOBILE,SEARCH,100,3,1000000"
GOOD = "\n".join([HEADER, *(ROW.format(day=day) for day in range(1, 5))])
GOOGLE = CONTRACTS["google_ads__campaign_stats"]


def read(folder: Path, text: str | bytes, contract: Contract = GOOGLE) -> Accepted:
    """What is read of a text that landed as the only file of a table; nothing that is refused is loaded quickly."""
    path = folder / contract.folder / "2024.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (file,) = scan(folder).tables[contract.name]
    try:
        return check(file, contract, *read_bytes(file))
    except FileRefused:
        assert not taken_by_duckdb(file, contract), "what is refused is never loaded by the quick reader"
        raise


def taken_by_duckdb(file: LandingFile, contract: Contract) -> bool:
    """Whether the quick reader would load a file."""
    try:
        seen = surface(file)
    except UnreadableFile:
        return False
    with duckdb.connect() as connection:
        plain = plain_file(connection, file, contract, seen)
        rows = f"({plain.rows})" if plain else ""
        return plain is not None and not (
            repeats_a_row(connection, contract, rows, plain.row_count)
            or days_in_doubt(connection, contract, rows)
        )
