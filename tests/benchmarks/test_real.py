"""Forecasts of real tables: what a peer is given, how a forecast is scored, that every table is read."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import real
from benchmarks.common.forecasting import peer_job, score
from benchmarks.worlds.published import DATA
from benchmarks.worlds.real import RealTable, merged, real_tables
from mmm_core.data.arrays import model_data

MAPPING = {
    "model": "small",
    "table": "weekly_tables/small",
    "kpi": {"column": "revenue"},
    "media": {"defaults": {"adstock": {"l_max": 2}}, "channels": {"tv": {"spend": "tv_spend"}}},
    "baseline": {
        "seasonality": {"order": 1},
        "events": {"sale": ["2023-03-15"], "later": ["2024-01-03"]},
    },
    "fit": {"engine": "laplace", "chains": 1, "draws": 200},
}


def small_table(weeks=60):
    """A table that starts on Monday 2 January 2023."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "week_start": pd.date_range("2023-01-02", periods=weeks, freq="7D"),
            "revenue": 100 + 10 * rng.standard_normal(weeks),
            "tv_spend": rng.uniform(0, 5, weeks),
        }
    )


def test_scores_are_those_of_the_definition():
    draws = np.array([1.0, 2.0, 3.0, 10.0])[:, None, None]
    scored = score(np.broadcast_to(draws, (4, 1, 2)), np.array([[2.0, np.nan]]))
    pairs = np.abs(draws.ravel()[:, None] - draws.ravel()).sum() / (4 * 3)
    assert scored.crps == pytest.approx(np.abs(draws - 2.0).mean() - pairs / 2)
    assert scored.error == pytest.approx(0.5)
    assert (scored.covered, scored.weeks) == (1.0, 1)


def test_a_peer_never_sees_the_weeks_it_forecasts():
    table, spec = small_table(), RealTable("small", small_table(), MAPPING, 1, 13).spec()
    held = 20
    job, given = peer_job(spec, table, model_data(table, spec, holdout_weeks=held), held, 13)
    changed = table.assign(revenue=table["revenue"].where(np.arange(60) < 40, 1e9))
    again = peer_job(spec, changed, model_data(changed, spec, holdout_weeks=held), held, 13)[1]
    pd.testing.assert_frame_equal(given, again)
    assert len(given) == 60 - held + 13
    assert given["revenue"].tail(13).to_numpy() == pytest.approx(table["revenue"].head(40).mean())
    # an event that no fitted week holds says nothing of its effect
    assert job.controls == ("sale",)
    assert given.loc[given["sale"] == 1, "week_start"].dt.date.astype(str).tolist() == ["2023-03-13"]


def test_keys_are_changed_one_by_one():
    changed = merged(MAPPING, {"baseline": {"seasonality": {"order": 4}}})
    assert changed["baseline"]["seasonality"] == {"order": 4}
    assert changed["baseline"]["events"] == MAPPING["baseline"]["events"]
    assert MAPPING["baseline"]["seasonality"] == {"order": 1}


@pytest.mark.slow
def test_finished_forecasts_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(real, "real_tables", lambda: [RealTable("small", small_table(), MAPPING, 2, 5)])
    arguments = ["--store", str(tmp_path), "--systems", "carryover", "last_value", "no_media"]
    real.main(arguments)
    first = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]["small"]
    kept = (tmp_path / "real.jsonl").read_text().splitlines()
    assert len(kept) == 3 * 2
    monkeypatch.setattr(real, "forecast", None)  # a forecast made twice would fail
    real.main(arguments)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]["small"] == first
    ratio = first["carryover"]["crps"] / first["no_media"]["crps"]
    assert first["no_media"]["ours_over_theirs"] == pytest.approx(ratio, rel=1e-3)
    assert first["carryover"]["origins"] == 2


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no folder {DATA} (MMM_BENCH_DATA says where it is)")
def test_every_table_suits_its_model():
    found = real_tables()
    assert len(found) == 5
    for table in found:
        longest = max(real.held_weeks(table))
        data = model_data(table.table, table.spec(), table.name, holdout_weeks=longest)
        assert data.sizes["week"] - longest >= 26, table.name
