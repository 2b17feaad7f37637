"""`make demo` on an empty folder: every phase, both models, results where analysts look."""

import os
import subprocess
import sys

import duckdb
import pytest

from orchestration.demo import MODELS

FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1"


@pytest.mark.slow
def test_the_demo_ends_with_returns_and_a_budget_for_both_models(tmp_path):
    demo = subprocess.run(
        [sys.executable, "-m", "orchestration.demo"],
        # long fits: there programs that are compiled with more care are worth it
        env={**os.environ, "MMM_DATA_DIR": str(tmp_path), "XLA_FLAGS": FLAGS},
        capture_output=True,
        text=True,
    )
    log = tmp_path / "logs" / "demo.log"
    assert demo.returncode == 0, demo.stdout + demo.stderr + log.read_text()[-5000:]
    assert demo.stderr == ""  # the log has what libraries print
    for words in ("Return on investment", "Recommended budget", *MODELS):
        assert words in demo.stdout
    with duckdb.connect(tmp_path / "published" / "marts.duckdb", read_only=True) as published:
        found = published.execute(
            "select model, count(distinct channel) from reporting.rpt_channel_roi group by model order by model"
        ).fetchall()
        gates = published.execute(
            "select model, outcome, count(*) from reporting.rpt_promotion group by all order by all"
        ).fetchall()
    assert gates == [(model, "promoted", 5) for model in sorted(MODELS)]
    assert found == [("uk_geo_revenue", 5), ("us_revenue", 6)]
