"""Files of the model stages: whole or absent, never overwritten, never pickled."""

import dagster as dg
import pandas as pd
import pytest

from assets.resources.stores import RefusingIOManager, ResultStore, VintageStore
from tests.orchestration.house import vintage

TABLE = pd.DataFrame(
    {"week_start": pd.date_range("2025-01-06", periods=3, freq="7D"), "revenue": [1.0, 2.0, 3.0]}
)


def test_a_version_once_written_stays(tmp_path):
    store = VintageStore(folder=str(tmp_path))
    path = store.save(vintage(), "v1", TABLE)
    store.save(vintage(), "v1", TABLE.assign(revenue=0.0))
    pd.testing.assert_frame_equal(pd.read_parquet(path), TABLE)


def test_a_pointer_never_names_a_file_that_is_not_there(tmp_path):
    store = VintageStore(folder=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="materialize it first"):
        store.current(vintage())
    with pytest.raises(FileNotFoundError, match="not there"):
        store.point(vintage(), "v1")
    store.save(vintage(), "v1", TABLE)
    store.point(vintage(), "v1")
    assert store.current(vintage()) == "v1"


def test_a_result_that_is_missing_says_what_to_materialize(tmp_path):
    store = ResultStore(folder=str(tmp_path))
    assert store.read("roi", vintage()) is None
    context = dg.build_input_context(asset_key=dg.AssetKey("roi"), partition_key=str(vintage().key))
    with pytest.raises(FileNotFoundError, match="materialize roi first"):
        store.load_input(context)


def test_nothing_is_pickled_by_default():
    @dg.asset
    def careless():
        return {"draws": [1, 2, 3]}

    @dg.asset
    def reader(careless):
        return None

    result = dg.materialize(
        [careless, reader], resources={"io_manager": RefusingIOManager()}, raise_on_error=False
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "careless"
    assert "names no io_manager_key" in failure.step_failure_data.error.cause.message
