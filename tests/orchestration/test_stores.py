"""Files of the model stages: whole or absent, never overwritten, never pickled."""

import datetime as dt
import subprocess
import sys
import textwrap

import dagster as dg
import pandas as pd
import pytest

from assets.resources.damage import met
from assets.resources.stores import Damaged, PosteriorStore, RefusingIOManager, ResultStore, VintageStore
from mmm_core.files import HOST, checksum_path
from tests.orchestration.house import LAST_WEEK, vintage

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
    with pytest.raises(FileNotFoundError, match=r"nothing yet for.*materialize model_table"):
        store.current(vintage())
    with pytest.raises(FileNotFoundError, match="not there"):
        store.point(vintage(), "v1")
    store.save(vintage(), "v1", TABLE)
    store.point(vintage(), "v1")
    assert store.current(vintage()) == "v1"


def damage(path):
    """64 bytes in the middle of a file, changed; its length stays."""
    found, middle = bytearray(path.read_bytes()), path.stat().st_size // 2
    for place in range(middle - 32, middle + 32):
        found[place] ^= 255
    path.write_bytes(found)


def put_aside(folder, name):
    return [path for path in folder.glob(f"{name}.damaged-*") if path.suffix != ".sha256"]


def test_a_damaged_version_is_put_aside_and_made_again(tmp_path):
    store = VintageStore(folder=str(tmp_path))
    path = store.save(vintage(), "v1", TABLE)
    damage(path)
    with pytest.raises(
        Damaged, match=r"v1\.parquet.*put aside.*materialize model_table for 2026-01-05\|us_revenue"
    ):
        store.checked(vintage(), "v1")
    assert len(put_aside(path.parent, path.name)) == 1
    store.save(vintage(), "v1", TABLE)
    damage(path)
    store.save(vintage(), "v1", TABLE)  # without being told to: it can be made again
    pd.testing.assert_frame_equal(pd.read_parquet(store.checked(vintage(), "v1")), TABLE)
    assert len(put_aside(path.parent, path.name)) == 2
    (said,) = met().values()
    assert said.value.count("v1.parquet: damaged; put aside as v1.parquet.damaged-") == 2
    assert met() == {}


def test_a_file_that_lost_its_checksum_is_read_and_one_with_a_wrong_one_is_not(tmp_path):
    store = VintageStore(folder=str(tmp_path))
    path = store.save(vintage(), "v1", TABLE)
    checksum_path(path).write_text("0" * 64 + "  v1.parquet\n")
    with pytest.raises(Damaged):
        store.checked(vintage(), "v1")
    TABLE.to_parquet(path)  # as one of a time before checksums lies there
    assert store.checked(vintage(), "v1") == path


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"\xff\xfe", b"null", b'{"version": 3}', b'{"version": "v2", "sha256": "0"}']
)
def test_a_damaged_pointer_is_made_again(tmp_path, damaged):
    store = VintageStore(folder=str(tmp_path))
    for version in ("v1", "v2"):
        store.save(vintage(), version, TABLE)
        store.point(vintage(), version)
    store.point(vintage(), "v1")  # an older version that is current again
    pointer = store.path(vintage(), "v1").with_name("current.json")
    pointer.write_bytes(damaged)
    assert store.current(vintage()) == "v1"
    assert pointer.is_file()
    assert len(put_aside(pointer.parent, pointer.name)) == 1
    (said,) = met().values()
    assert "it names v1 again" in said.value


def test_a_damaged_pointer_beside_nothing_says_what_to_materialize(tmp_path):
    store = VintageStore(folder=str(tmp_path))
    pointer = store.path(vintage(), "v1").with_name("current.json")
    pointer.parent.mkdir(parents=True)
    pointer.write_text("")
    with pytest.raises(FileNotFoundError, match="materialize model_table for 2026-01-05"):
        store.current(vintage())


def test_a_posterior_of_an_earlier_week_in_another_format_is_passed_over(tmp_path):
    import h5py

    from mmm_core.posterior.schema import FORMAT, save_posterior
    from tests.mmm_core.posteriors import posterior

    store = PosteriorStore(folder=str(tmp_path))
    earlier = vintage(LAST_WEEK - dt.timedelta(days=7))
    path = save_posterior(posterior(), store.path(earlier, "v0"))
    store.point(earlier, "v0")
    assert store.load_previous(vintage()).attrs["model"] == "small"
    with h5py.File(path, "a") as file:
        file.attrs["format"] = FORMAT - 1
    assert store.load_previous(vintage()) is None
    assert path.is_file()


def test_a_damaged_posterior_of_an_earlier_week_gives_way_to_the_one_before(tmp_path):
    from mmm_core.posterior.schema import save_posterior
    from tests.mmm_core.posteriors import family_spec, posterior

    store = PosteriorStore(folder=str(tmp_path))
    weeks = [LAST_WEEK - dt.timedelta(days=7 * n) for n in (2, 1, 0)]
    tree = posterior(family_spec())
    for seed, week in enumerate(weeks):
        tree.attrs["seed"] = seed
        save_posterior(tree, store.path(vintage(week), f"v{seed}"))
        store.point(vintage(week), f"v{seed}")
    assert store.load_previous(vintage()).attrs["seed"] == 1
    path = store.path(vintage(weeks[1]), "v1")
    damage(path)
    assert store.load_previous(vintage()).attrs["seed"] == 0
    assert not path.exists()
    (said,) = met().values()
    assert f"materialize mmm_posterior for {weeks[1]}|us_revenue, which fits it again" in said.value
    assert store.load_previous(vintage()).attrs["seed"] == 0  # and again, without a word
    assert met() == {}
    path = store.path(vintage(), "v2")
    damage(path)
    with pytest.raises(Damaged, match=r"put aside: materialize mmm_posterior for 2026-01-05"):
        store.load(vintage(), "v2")


def test_of_results_every_version_is_kept(tmp_path):
    store = ResultStore(folder=str(tmp_path))
    asset = dg.AssetKey("roi")
    for factor in (1, 2):
        context = dg.build_output_context(asset_key=asset, partition_key=str(vintage().key))
        store.handle_output(context, TABLE.assign(revenue=TABLE["revenue"] * factor))
    assert store.read("roi", vintage())["revenue"].tolist() == [2.0, 4.0, 6.0]
    (first,) = set(store.path("roi", vintage()).parent.glob("*.parquet")) - {store.path("roi", vintage())}
    assert store.stored("roi", vintage(), first.stem)["revenue"].tolist() == [1.0, 2.0, 3.0]
    damage(store.path("roi", vintage()))
    with pytest.raises(Damaged, match=r"materialize roi for 2026-01-05.*from the posterior again"):
        store.read("roi", vintage())


def test_what_a_killed_process_left_is_removed_by_the_next_run_of_the_model(tmp_path):
    store = ResultStore(folder=str(tmp_path))
    left = (
        store.versions("roi").place(vintage()).parent
        / "2025-12-29"
        / f".v1.parquet.{HOST}.4194305.partial.parquet"
    )
    left.parent.mkdir(parents=True)  # of a process whose number no system gives
    left.write_bytes(b"half")
    context = dg.build_output_context(asset_key=dg.AssetKey("roi"), partition_key=str(vintage().key))
    store.handle_output(context, TABLE)
    assert not left.exists()


SAVING = """
    import os, resource, sys
    import pandas as pd
    from assets.models import Vintage
    from assets.resources.stores import VintageStore

    folder, how = sys.argv[1:]
    table = pd.DataFrame({"revenue": pd.Series(range(20_000)) * 1.1})
    if how == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    else:
        to_parquet = pd.DataFrame.to_parquet
        def killed(self, path, **options):
            to_parquet(self, path, **options)
            os.kill(os.getpid(), 9)
        pd.DataFrame.to_parquet = killed
    VintageStore(folder=folder).save(Vintage("us_revenue", "2026-01-05"), "v2", table)
"""


@pytest.mark.parametrize("how", ["full", "killed"])
def test_a_full_disk_and_a_kill_leave_the_last_vintage_in_force(tmp_path, how):
    store = VintageStore(folder=str(tmp_path))
    store.point(vintage(), store.save(vintage(), "v1", TABLE).stem)
    before = sorted(store.path(vintage(), "v1").parent.iterdir())
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SAVING), str(tmp_path), how],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == {"full": 1, "killed": -9}[how], process.stderr
    assert how == "killed" or "v2.parquet: could not be written: the disk is full" in process.stderr
    assert store.current(vintage()) == "v1"
    pd.testing.assert_frame_equal(pd.read_parquet(store.checked(vintage(), "v1")), TABLE)
    store.versions.sweep(vintage())  # as the next run of the model does
    assert sorted(store.path(vintage(), "v1").parent.iterdir()) == before


def test_a_result_that_is_missing_says_what_to_materialize(tmp_path):
    store = ResultStore(folder=str(tmp_path))
    assert store.read("roi", vintage()) is None
    context = dg.build_input_context(asset_key=dg.AssetKey("roi"), partition_key=str(vintage().key))
    with pytest.raises(FileNotFoundError, match=r"nothing yet for.*: materialize roi"):
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
