import datetime as dt
import os

import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.simulate import landing as writing
from mmm_core.simulate import simulate_world, write_landing, write_truth

END = dt.date(2026, 11, 16)
START = dt.date(2022, 11, 21)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_same_seed_and_end_write_the_same_bytes(written, tmp_path):
    world = simulate_world(7, END)
    write_landing(world, tmp_path / "landing")
    write_truth(world, tmp_path / "truth")
    assert contents(tmp_path) == contents(written)


def test_any_day_of_a_week_gives_the_same_world():
    worlds = [simulate_world(7, day) for day in (END, END + dt.timedelta(days=6))]
    assert worlds[0].last_week == worlds[1].last_week == dt.date(2026, 11, 9)
    np.testing.assert_array_equal(*(world.market("us").table["revenue"] for world in worlds))


def test_another_seed_writes_another_world(world, written, tmp_path):
    write_landing(simulate_world(8, END), tmp_path / "landing")
    one, other = contents(written / "landing"), contents(tmp_path / "landing")
    assert set(one) == set(other)
    assert not [name for name in one if one[name] == other[name]]


def test_the_world_has_both_markets_in_their_usual_size(world):
    sizes = {
        m.name: (m.truth.weekly.sizes["geo"], m.window.weeks, len(m.truth.channels)) for m in world.markets
    }
    assert sizes == {"us": (1, 208, 6), "uk": (20, 156, 5)}
    with pytest.raises(InputError, match="no market 'fr'"):
        world.market("fr")


def test_today_is_the_default_end():
    today = dt.date.today()
    last = simulate_world(1).last_week
    assert today - dt.timedelta(days=13) <= last <= today - dt.timedelta(days=7)
    assert last.weekday() == 0


@pytest.mark.parametrize("weeks", [1, 9])
def test_from_a_fixed_start_more_weeks_only_append_lines(written, tmp_path, weeks):
    """Nine weeks on, a new year's files have begun."""
    later = simulate_world(7, END + dt.timedelta(weeks=weeks), START)
    write_landing(later, tmp_path / "landing")
    before, after = contents(written / "landing"), contents(tmp_path / "landing")
    assert set(before) <= set(after)
    for name, content in before.items():
        assert after[name].startswith(content), name
    grown = {name.split("/")[0] for name in after if after[name] != before.get(name)}
    assert {
        "google_ads",
        "meta_ads",
        "tiktok_ads",
        "linkedin_ads",
        "tv",
        "ooh",
        "shopify",
        "competitor",
        "macro",
    } <= grown
    assert any(name.endswith("2027.csv") for name in after) == (weeks == 9)


def test_without_a_start_the_table_slides_and_the_overlap_stays(world):
    later = simulate_world(7, END + dt.timedelta(weeks=1))
    for name in ("us", "uk"):
        old, new = world.market(name), later.market(name)
        assert new.window.weeks == old.window.weeks
        shared = old.truth.weekly["week"].values[1:]
        columns = ["spend", "revenue", "level", "noise", "contribution"]
        a, b = (market.truth.weekly[columns].sel(week=shared) for market in (old, new))
        for column in columns:
            np.testing.assert_array_equal(a[column], b[column])
        assert [c.coefficient for c in old.truth.channels] == [c.coefficient for c in new.truth.channels]


def test_drawn_parameters_hold_over_the_calibration_years(world):
    from mmm_core.simulate.draws import Draws
    from mmm_core.simulate.world import CALIBRATION

    years = simulate_world(7, dt.date(2025, 12, 29), dt.date(2021, 11, 8))
    market = years.market("us")
    assert market.window.indices[8:].tolist() == CALIBRATION.indices.tolist()
    for channel, later in zip(market.truth.channels, world.market("us").truth.channels, strict=True):
        drawn = Draws(7, f"us/{channel.channel}").generator("parameters")
        drawn.beta(3, 3), drawn.lognormal(0, 0.35), drawn.uniform(0.8, 1.8)
        assert channel.roi == pytest.approx(drawn.lognormal(0.2, 0.6), rel=1e-9)
        assert later.roi == pytest.approx(channel.roi, rel=0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, END), "seed"),
        (("7", END), "seed"),
        ((7, "2026-11-16"), "end must be a date"),
        ((7, END, "2022-11-21"), "start must be a date"),
        (
            (7, END, dt.date(2022, 11, 22)),
            "start must be a Monday at least 104 weeks before the last week, 2026-11-09",
        ),
        ((7, END, dt.date(2025, 11, 17)), "at least 104 weeks"),
        ((7, dt.date(2003, 1, 6)), "reach back past 2000-01-03"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate_world(*arguments)


def test_writing_again_leaves_unchanged_files_alone(world, tmp_path):
    paths = write_landing(world, tmp_path / "landing")
    for path in paths:
        os.utime(path, (1, 1))
    changed = next(path for path in paths if path.name == "geos.csv")
    changed.write_text("market,geo\n")
    write_landing(world, tmp_path / "landing")
    assert [path for path in paths if path.stat().st_mtime != 1] == [changed]


def test_writing_removes_own_stale_years_and_touches_nothing_else(world, tmp_path):
    folder = tmp_path / "landing"
    stale = folder / "meta_ads/campaign_insights/campaign_insights_2019.csv"
    foreign = [
        folder / "weekly_tables/brand.csv",
        folder / "meta_ads/campaign_insights/upload.csv",
        folder / "crm/leads/leads.csv",
    ]
    for path in (stale, *foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept\n")
    paths = write_landing(world, folder)
    assert not stale.exists()
    assert all(path.read_text() == "kept\n" for path in foreign)
    assert set(folder.rglob("*.csv")) == {*paths, *foreign}


def test_a_failed_write_leaves_the_folder_as_it_was(world, tmp_path, monkeypatch):
    folder = tmp_path / "landing"
    write_landing(simulate_world(8, END), folder)
    before = contents(tmp_path)
    real, written = writing._write_csv, []

    def full_disk(rows, path):
        if len(written) == 20:
            raise OSError("No space left on device")
        written.append(path)
        real(rows, path)

    monkeypatch.setattr(writing, "_write_csv", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_landing(world, folder)
    assert len(written) == 20
    assert contents(tmp_path) == before


def test_no_model_library_is_loaded():
    """Simulating must start fast, and must not share code with the models tested on it."""
    import subprocess
    import sys

    unwanted = [
        "jax",
        "numpyro",
        "arviz",
        "scipy.signal",
        "mmm_core.transforms.adstock",
        "mmm_core.transforms.saturation",
    ]
    code = f"import sys, mmm_core.simulate; print([name for name in {unwanted} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
