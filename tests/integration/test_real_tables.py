"""Tables nobody here made, through the whole graph: landing file to reviewed posterior and budget."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
FILES = {
    "conjura_single_series": DATA / "conjura_single_series" / "conjura_596eef7c_weekly.csv",
    "sibylhe_mmm_stan": DATA / "sibylhe_mmm_stan" / "data.csv",
}
# Fewer draws than the models ask for: that the graph gets there is tested, not how well it converges.
QUICK = {"chains": 2, "warmup": 200, "draws": 200, "seed": 7}

pytestmark = pytest.mark.slow


def test_every_weekly_file_model_has_its_file_here():
    models = [yaml.safe_load(path.read_text()) for path in (REPOSITORY / "models").glob("*.yaml")]
    assert {spec["model"] for spec in models if spec["table"].startswith("weekly_tables/")} == set(FILES)


@pytest.mark.parametrize("model", FILES)
def test_a_weekly_file_reaches_a_reviewed_posterior_and_a_budget(model, tmp_path, parsed_project):
    if not FILES[model].is_file():
        pytest.skip(f"the data set of {model} is not on this machine")
    landing = tmp_path / "data" / "landing" / "weekly_tables"
    landing.mkdir(parents=True)
    (landing / f"{model}.csv").write_bytes(FILES[model].read_bytes())
    shutil.copytree(parsed_project, tmp_path / "data" / "dbt_target")
    spec = yaml.safe_load((REPOSITORY / "models" / f"{model}.yaml").read_text())
    models = tmp_path / "models"
    models.mkdir()
    (models / f"{model}.yaml").write_text(yaml.safe_dump({**spec, "fit": QUICK}))
    environment = {**os.environ, "MMM_DATA_DIR": str(tmp_path / "data"), "MMM_MODELS_DIR": str(models)}
    ran = subprocess.run(
        [sys.executable, "-m", "orchestration.refresh", model],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = ran.stdout + ran.stderr
    assert "Return on investment" in said, said
    assert "Recommended budget" in said, said
    # with so few draws the review fails, and so the results are kept but not published
    assert "Review failed: not promoted, not published" in said, said
    assert ran.returncode == 1

    results = tmp_path / "data" / "results"
    (budget,) = results.rglob("budget_allocation/**/*.parquet")
    table = pd.read_parquet(budget)
    assert set(table["channel"]) == set(spec["media"]["channels"])
    assert (table["recommended_spend"] >= 0).all()
    with duckdb.connect(str(tmp_path / "data" / "published" / "marts.duckdb"), read_only=True) as published:
        health = published.execute("select check_name, passed from reporting.rpt_model_health").fetchall()
        promoted = published.execute("select count(*) from reporting.rpt_budget_allocation").fetchone()
    assert {name for name, _ in health} >= {"rhat", "holdout", "identifiability"}
    assert promoted == (0,)
