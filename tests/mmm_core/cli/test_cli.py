"""Commands that fit, review and allocate: what they print, write and refuse."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pandas as pd
import pytest
import yaml

from mmm_core.data.table import check_table, read_table
from mmm_core.long_term.waves import read_waves
from mmm_core.posterior.integrity import DIGEST
from mmm_core.posterior.schema import FORMAT, load_posterior, save_posterior
from mmm_core.spec.kpi_spec import Time
from mmm_core.spec.model_spec import load_spec, parse_spec
from tests.mmm_core.cli.command import mmm, mmm_process, read_json
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


def test_help_names_every_command_and_imports_nothing_heavy():
    said = mmm("--help")
    assert said.returncode == 0
    for command in (
        "simulate", "fit", "curves", "allocate", "forecast", "review", "schema",
        "prior", "backtest", "sensitivity", "loo", "placebo", "identify", "select",
    ):  # fmt: skip
        assert command in said.stdout
    code = (
        "import sys, mmm_core.cli.cli\n"
        "print({'jax', 'numpyro', 'arviz', 'pandas', 'xarray', 'matplotlib', 'scipy', 'pydantic'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_schema_is_the_specifications(tmp_path):
    printed = json.loads(mmm("schema").stdout)
    assert "media" in printed["properties"]
    assert mmm("schema", "--out", tmp_path / "schema.json").returncode == 0
    assert read_json(tmp_path / "schema.json") == printed


@pytest.mark.slow
def test_fit_then_review(folder, tmp_path):
    said = mmm_process(
        "fit",
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--out",
        tmp_path,
        "--plots",
    )
    assert said.returncode == 0, said.stderr
    assert "Return by channel" in said.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "contents.json", "contributions.png", "fit.png", "posterior.nc", "roi.png", "summary.json",
    ]  # fmt: skip
    facts = read_json(tmp_path / "summary.json")
    assert "bulk ESS" in facts["not_converged"]  # 2 x 200 draws of which a few are as good as others
    assert f"not converged: {facts['not_converged']}\n" in said.stdout
    assert facts["draws"] == SPEC["fit"]["draws"]
    assert set(facts["roi"]) == {"tv", "search"}
    assert load_posterior(tmp_path / "posterior.nc").attrs["model"] == "small"
    reviewed = mmm(
        "review",
        "--posterior",
        tmp_path / "posterior.nc",
        "--table",
        folder / "weekly.csv",
        "--out",
        tmp_path,
    )
    found = read_json(tmp_path / "review.json")["checks"]
    failed = [check["name"] for check in found if not check["passed"] and check["severity"] == "ERROR"]
    assert reviewed.returncode == bool(failed)
    assert "ess_bulk" in failed  # 2 x 200 draws cannot give 1000
    assert "not run" not in next(check["message"] for check in found if check["name"] == "holdout")


def test_curves_and_budget_are_written_and_shown(folder, tmp_path):
    said = mmm("curves", "--posterior", folder / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "tv" in said.stdout
    assert set(pd.read_csv(tmp_path / "response_curves.csv").columns) >= {
        "channel",
        "spend",
        "mean",
        "q05",
        "q95",
    }
    said = mmm("allocate", "--posterior", folder / "posterior.nc", "--out", tmp_path, "--weeks", 4)
    assert said.returncode == 0, said.stderr
    assert "Budget for the next 4 weeks" in said.stdout
    assert "certificate" in said.stdout
    plan = read_json(tmp_path / "budget_allocation.json")
    spend = sum(row["recommended_spend"] for row in plan["channels"])
    assert spend == pytest.approx(plan["total"]) == pytest.approx(plan["current_total"])
    assert not list(tmp_path.glob(".*"))


def test_a_channel_that_was_off_is_told_in_every_output_and_its_missing_figures_are_null(tmp_path):
    table = weekly_table()
    table.loc[len(table) - 6 :, "tv_spend"] = 0.0
    save_posterior(posterior(table=table, draws=20), tmp_path / "posterior.nc")
    said = mmm("allocate", "--posterior", tmp_path / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    words = "tv had no spend in the last 6 weeks: its bounds [0.5, 1.5] (`default`) are relative to that and allow 0"
    assert words in " ".join(said.stdout.split())
    plan = read_json(tmp_path / "budget_allocation.json")
    tv, search = plan["channels"]
    assert tv["mroi"] is None
    assert tv["note"].startswith(words)
    assert search["note"] == ""
    assert pd.read_csv(tmp_path / "budget_allocation.csv").loc[0, "note"] == tv["note"]
    said = mmm("curves", "--posterior", tmp_path / "posterior.nc", "--out", tmp_path)
    assert (
        "tv had no spend in the last 6 weeks: its curve and cost are those of the 6 weeks to" in said.stdout
    )
    curves = pd.read_csv(tmp_path / "response_curves.csv")
    assert (curves.loc[curves["multiplier"] > 0, "mean"] > 0).all()
    said = mmm("allocate", "--posterior", tmp_path / "posterior.nc", "--total", "1e6")
    assert said.returncode == 2
    assert "bound it in money, `bounds: {tv: {spend: [0, " in said.stderr


def test_a_failed_error_check_is_exit_code_1(folder):
    said = mmm("review", "--posterior", folder / "posterior.nc", "--no-holdout")
    assert said.returncode == 1
    assert "not fit for use" in said.stdout


def test_warnings_alone_are_exit_code_0(folder, tmp_path):
    lenient = {"rhat": 9.0, "ess_bulk": 1, "ess_tail": 1, "significance": 0, "holdout_weeks": 0}
    spec = parse_spec({**SPEC, "review": lenient})
    (tmp_path / "lenient.yaml").write_text(spec.to_yaml())
    said = mmm("review", "--posterior", folder / "posterior.nc", "--model", tmp_path / "lenient.yaml")
    assert said.returncode == 0, said.stdout
    assert "fit for use" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("fit", "--model", "absent.yaml", "--table", "weekly.csv", "--out", "x"),
            "absent.yaml: no such model file",
        ),
        (("fit", "--model", "small.yaml", "--table", "absent.csv", "--out", "x"), "absent.csv: no such file"),
        (("fit", "--model", "typo.yaml", "--table", "weekly.csv", "--out", "x"), "did you mean 'controls'"),
        (
            ("fit", "--model", "small.yaml", "--table", "negative.csv", "--out", "x"),
            "tv_spend: negative in weeks",
        ),
        (
            ("fit", "--model", "small.yaml", "--table", "weekly.csv", "--out", "x", "--engine", "laplas"),
            "did you mean 'laplace'",
        ),
        (
            ("backtest", "--model", "small.yaml", "--table", "weekly.csv", "--out", "x", "--origins", "9"),
            "ask for 2 origins at most",
        ),
        (
            ("placebo", "--model", "small.yaml", "--table", "weekly.csv", "--out", "x", "--like", "serch"),
            "did you mean 'search'",
        ),
        (("curves", "--posterior", "weekly.csv"), "weekly.csv: not a netCDF file"),
        (("allocate", "--posterior", "posterior.nc", "--total", "1e12"), "cannot be spent"),
        (("allocate", "--posterior", "posterior.nc", "--total", "-1"), "--total must be a number above 0"),
        (("allocate", "--posterior", "posterior.nc", "--total", "1e300"), "of at most 1e+15, got 1e+300"),
        (("allocate", "--posterior", "posterior.nc", "--total", "nan"), "--total must be a number above 0"),
        (("allocate", "--posterior", "posterior.nc", "--total", "inf"), "--total must be a number above 0"),
        (
            ("review", "--posterior", "posterior.nc", "--table", "other.csv"),
            "other.csv is not the table that posterior.nc was fitted on (fingerprint ",
        ),
        (
            ("curves", "--posterior", "old.nc"),
            "old.nc was written by carryover 0.1.0, source ",
        ),
        (
            ("loo", "--posterior", "posterior.nc", "--against", "newer.nc"),
            "which refuses the specification in it: fit again",
        ),
    ],
)
def test_a_refused_input_is_one_message_and_exit_code_2(folder, arguments, words):
    (folder / "typo.yaml").write_text(yaml.safe_dump({**SPEC, "contrls": []}))
    bad = weekly_table()
    bad.loc[9, "tv_spend"] = -5.0
    bad.to_csv(folder / "negative.csv", index=False)
    weekly_table(seed=2).to_csv(folder / "other.csv", index=False)
    spec = {**SPEC, "budget": {"pacing": "even"}}
    for name, attrs in {"old": {"format": FORMAT - 1}, "newer": {"spec": yaml.safe_dump(spec)}}.items():
        shutil.copyfile(folder / "posterior.nc", folder / f"{name}.nc")
        with h5py.File(folder / f"{name}.nc", "a") as file:
            del file.attrs[DIGEST]
            file.attrs.update(attrs)
    said = mmm(*arguments, cwd=folder)
    assert said.returncode == 2, said.stderr
    assert words in said.stderr
    assert "Traceback" not in said.stderr
    assert not (folder / "x").exists()


@pytest.mark.slow
def test_simulate_writes_landing_files_and_their_truth(tmp_path):
    said = mmm("simulate", "--out", tmp_path, "--seed", 3, "--end", "2025-06-02")
    assert said.returncode == 0, said.stderr
    assert list((tmp_path / "landing" / "google_ads" / "campaign_stats").glob("*.csv"))
    assert (tmp_path / "truth" / "truth.json").is_file()
    for market in ("us", "uk"):  # a table that the models of this repository fit as it is
        model = next((Path(__file__).parents[3] / "models").glob(f"{market}_*.yaml"))
        spec = load_spec(model)
        check_table(read_table(tmp_path / "weekly" / f"{market}.csv"), spec)
        waves = read_waves(tmp_path / "brand" / f"{market}.csv")  # and the survey that their long term reads
        assert set(waves["metric"]) == {"awareness", "consideration"}


@pytest.mark.slow
def test_simulated_weekly_tables_may_be_dated_by_their_last_days(tmp_path):
    said = mmm("simulate", "--out", tmp_path, "--seed", 3, "--end", "2025-06-02", "--marks", "end")
    assert said.returncode == 0, said.stderr
    (path,) = (Path(__file__).parents[3] / "models").glob("us_*.yaml")
    spec = load_spec(path).model_copy(update={"time": Time(column="week_ending", marks="end")})
    rows = check_table(read_table(tmp_path / "weekly" / "us.csv"), spec)
    assert set(rows["week_ending"].dt.day_name()) == {"Sunday"}
    assert str(rows["week_ending"].max().date()) == "2025-06-01"  # the last day before `--end`


@pytest.mark.slow
def test_a_fit_cut_short_says_where_it_goes_on(folder, tmp_path, monkeypatch):
    from mmm_core.inference.fit import fit
    from mmm_core.inference.hmc import sampler as sampling

    def cut(progress):
        if progress.done == 250:
            raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "CHECKPOINT_SECONDS", 0.0)
    state, table = tmp_path / "state", folder / "weekly.csv"
    with pytest.raises(KeyboardInterrupt):
        fit(read_table(table), load_spec(folder / "small.yaml"), cut, checkpoint=state)
    small = ("--model", folder / "small.yaml", "--table", table, "--out", tmp_path)
    said = mmm("fit", *small, "--checkpoint", state)
    assert said.returncode == 0, said.stderr
    assert said.stderr.startswith("Memory: about ")
    assert "Going on from the checkpoint at iteration 200\n" in said.stderr
    assert "Fitting small: 400 of 400, sampling" in said.stderr
    assert "Going on" not in mmm("fit", *small, "--checkpoint", state).stderr


@pytest.mark.slow
def test_a_checkpoint_and_a_warm_start_leave_a_posterior_and_no_litter(folder, tmp_path):
    small = ("--model", folder / "small.yaml", "--table", folder / "weekly.csv")
    said = mmm("fit", *small, "--out", tmp_path, "--checkpoint", tmp_path / "state")
    assert said.returncode == 0, said.stderr
    assert not (tmp_path / "state").exists()
    again = mmm("fit", *small, "--out", tmp_path / "next", "--warm-start", tmp_path / "posterior.nc")
    assert again.returncode == 0, again.stderr
    before, after = (read_json(at / "summary.json") for at in (tmp_path, tmp_path / "next"))
    for channel in ("tv", "search"):
        gap = before["roi"][channel]["mean"] - after["roi"][channel]["mean"]
        assert abs(gap) < 0.5 * before["roi"][channel]["sd"]


@pytest.mark.slow
def test_a_quick_engine_is_chosen_on_the_command_line(folder, tmp_path):
    small = ("--model", folder / "small.yaml", "--table", folder / "weekly.csv")
    said = mmm("fit", *small, "--out", tmp_path, "--engine", "laplace")
    assert said.returncode == 0, said.stderr
    assert "approximate: normal approximation" in said.stdout
    assert "R-hat" not in said.stdout
    facts = read_json(tmp_path / "summary.json")
    assert facts["engine"] == "laplace"
    assert facts["approximate"]
