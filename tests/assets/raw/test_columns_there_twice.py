"""A column that a file has twice: one that nobody reads does no harm, of one that is read nobody knows which counts."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from assets.raw.files import FileRefused
from tests.assets.raw.reading import GOOD, HEADER, read


def test_a_column_that_nobody_reads_may_be_there_several_times(tmp_path):
    """As GA4's export has `param_session_engaged`; in CSV and in Parquet, and it is told."""
    rows = GOOD.splitlines()
    text = "\n".join([f"note,{rows[0]},labels,note,LABELS", *(f"1,{row},a,2,b" for row in rows[1:])])
    accepted = read(tmp_path / "text", text)
    assert accepted.extra_columns == ("note (2 times)", "labels", "LABELS")
    plain = read(tmp_path / "plain", GOOD)
    pd.testing.assert_frame_equal(accepted.rows, plain.rows)
    cells = [pa.array(column) for column in zip(*(row.split(",") for row in rows[1:]), strict=True)]
    names = [*HEADER.split(","), "note", "note"]
    with io.BytesIO() as stored:
        parquet.write_table(pa.Table.from_arrays([*cells, cells[0], cells[1]], names), stored)
        packed = read(tmp_path / "packed", stored.getvalue())
    assert packed.extra_columns == ("note (2 times)",)
    pd.testing.assert_frame_equal(packed.rows.reset_index(drop=True), plain.rows.reset_index(drop=True))


def test_one_that_is_read_by_any_of_its_names_may_not(tmp_path):
    """Not in CSV and not in Parquet: which of the two the figures are in, nobody can tell."""
    rows = GOOD.replace("campaign_id", "id").splitlines()
    for place, name in enumerate(("cost_micros", "Cost_Micros", "id", "CAMPAIGN_ID")):
        text = "\n".join([f"{rows[0]},{name},{name}", *(f"{row},7,7" for row in rows[1:])])
        with pytest.raises(FileRefused, match=f"column '{name}' is there twice|columns .*'{name}'"):
            read(tmp_path / f"text{place}", text)
    cells = [pa.array(column) for column in zip(*(row.split(",") for row in rows[1:]), strict=True)]
    with io.BytesIO() as stored:
        names = [*rows[0].split(","), "cost_micros"]
        parquet.write_table(pa.Table.from_arrays([*cells, cells[0]], names), stored)
        with pytest.raises(FileRefused, match="column 'cost_micros' is there twice: keep one"):
            read(tmp_path / "packed", stored.getvalue())
