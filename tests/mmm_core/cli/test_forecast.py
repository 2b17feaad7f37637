"""`mmm forecast`: a plan, its forecast, and a plan that is refused."""

import pandas as pd

from mmm_core.posterior.schema import load_posterior, save_posterior
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import weekly_table


def test_a_plan_is_forecast(folder, tmp_path):
    plan = weekly_table(weeks=70).tail(6)
    plan.drop(columns="revenue").to_csv(tmp_path / "plan.csv", index=False)
    said = mmm(
        "forecast",
        "--posterior",
        folder / "posterior.nc",
        "--plan",
        tmp_path / "plan.csv",
        "--out",
        tmp_path / "out",
    )
    assert said.returncode == 0, said.stderr
    assert "Forecast of revenue" in said.stdout
    table = pd.read_csv(tmp_path / "out" / "forecast.csv")
    assert list(table["week"]) == list(plan["week_start"].astype(str))
    assert (table["q05"] < table["q95"]).all()
    facts = read_json(tmp_path / "out" / "forecast.json")
    expected = {"model": "small", "seed": 0, "assumed": [], "approximate": ""}
    assert facts == {**expected, "far_outside": "", "week_marks": "start"}
    tree = load_posterior(folder / "posterior.nc")
    tree.attrs.update(engine="laplace", approximate="normal approximation at the mode")
    save_posterior(tree, tmp_path / "quick.nc")
    said = mmm(
        "forecast", "--posterior", tmp_path / "quick.nc", "--plan", tmp_path / "plan.csv", "--out", tmp_path
    )
    assert "approximate: normal approximation at the mode" in said.stdout
    assert pd.read_csv(tmp_path / "forecast.csv")["approximate"].str.startswith("approximate: ").all()
    weekly_table().tail(3).to_csv(tmp_path / "past.csv", index=False)
    refused = mmm("forecast", "--posterior", folder / "posterior.nc", "--plan", tmp_path / "past.csv")
    assert refused.returncode == 2
    assert f"plan {tmp_path}/past.csv: its weeks must follow the fitted ones" in " ".join(
        refused.stderr.split()
    )
