"""The `mmm` command as a user runs it: in a process of its own, on files."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pandas as pd
import pytest
import yaml
from rich.console import Console

from mmm_core.data.table import check_table, read_table
from mmm_core.diagnostics.convergence import faults
from mmm_core.posterior.integrity import DIGEST
from mmm_core.posterior.schema import FORMAT, load_posterior, save_posterior
from mmm_core.spec.model_spec import Review, load_spec, parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


def mmm(*arguments, cwd=None, columns="140"):
    code = "import sys; sys.argv[0] = 'mmm'; from mmm_core.cli.cli import app; app()"
    environment = {**os.environ, "COLUMNS": columns, "NO_COLOR": "1"}
    if not columns:
        del environment["COLUMNS"]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def read_json(path):
    """A file as a strict parser reads it: NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{path}: {word} is no JSON")

    return json.loads(Path(path).read_text(), parse_constant=refuse)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, its table, and a posterior made by hand."""
    root = tmp_path_factory.mktemp("cli")
    (root / "small.yaml").write_text(yaml.safe_dump(SPEC))
    weekly_table().to_csv(root / "weekly.csv", index=False)
    save_posterior(posterior(draws=20), root / "posterior.nc")
    return root


def test_help_names_every_command_and_imports_nothing_heavy():
    said = mmm("--help")
    assert said.returncode == 0
    for command in (
        "simulate", "fit", "curves", "allocate", "forecast", "review", "schema",
        "prior", "backtest", "sensitivity", "loo", "placebo", "identify",
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
    said = mmm(
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
        "contributions.png", "fit.png", "posterior.nc", "roi.png", "summary.json",
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


@pytest.fixture(scope="module")
def rich_folder(tmp_path_factory):
    """A posterior whose money has eight digits and more, of a KPI called units."""
    table = weekly_table().rename(columns={"orders": "units"})
    for column in ("tv_spend", "search_spend", "units"):
        table[column] *= 1e5
    folder = tmp_path_factory.mktemp("rich")
    spec = {**SPEC, "kpi": {"column": "units", "revenue_per_unit": "order_value"}}
    save_posterior(posterior(spec, table, draws=20), folder / "posterior.nc")
    return folder


def figures(row, *names):
    return [f"{row[name]:,.0f}" for name in names]


def test_money_is_never_cut_in_a_narrow_window(rich_folder, tmp_path):
    said = mmm("allocate", "--posterior", rich_folder / "posterior.nc", "--out", tmp_path, columns="80")
    assert said.returncode == 0, said.stderr
    for row in pd.read_csv(tmp_path / "budget_allocation.csv").to_dict("records"):
        assert row["current_spend"] > 1e7
        low, high = figures(row, "recommended_revenue_q05", "recommended_revenue_q95")
        for figure in (
            *figures(row, "current_spend", "recommended_spend", "recommended_revenue"),
            f"{low} to {high}",
        ):
            assert figure in said.stdout
    tables = said.stdout[said.stdout.index("Budget for") : said.stdout.index("gain over")]
    assert tables.count("channel ") == 2  # what does not fit goes below
    assert max(map(len, tables.splitlines())) <= 80
    said = mmm("allocate", "--posterior", rich_folder / "posterior.nc", columns="")
    assert said.stdout.count("channel ") == 1  # a pipe is wide


def test_returns_at_eight_digits_and_the_cost_of_a_kpi_called_units(rich_folder):
    from mmm_core.cli import console
    from mmm_core.diagnostics.summary import summary
    from mmm_core.posterior.schema import load_posterior

    facts = summary(load_posterior(rich_folder / "posterior.nc"))
    facts["cpik"]["tv"].update(median=12_345_678.0, q05=1_234_567.0, q95=23_456_789.0)
    for width in (60, 80, 200):
        screen = Console(file=io.StringIO(), width=width, highlight=False)
        screen.print(console.returns(facts))
        said = screen.file.getvalue()
        for channel, one in facts["contribution"].items():
            assert channel in said
            assert f" {one['mean']:,.0f} " in said
        assert " 12,345,678   1,234,567 to 23,456,789 " in said
        assert "\u2026" not in said
    assert "cost per KPI unit" in said


def test_text_wraps_where_figures_do_not_and_names_a_row_below_again():
    from mmm_core.cli.console import comparison

    row = {"elpd": -12345678.9, "p_loo": 12.3, "approximate": "", "difference_se": 0.0}
    names = ("revenue of all the markets together", "another")
    table = pd.DataFrame([{**row, "model": name, "difference": 0.0, "verdict": "as good"} for name in names])
    for width, times in ((50, 2), (120, 1)):
        screen = Console(file=io.StringIO(), width=width, highlight=False)
        screen.print(comparison(table))
        said = screen.file.getvalue()
        assert said.count("another") == times
        assert said.count(" -12,345,678.9 ") == 2


def test_a_failed_error_check_is_exit_code_1(folder):
    said = mmm("review", "--posterior", folder / "posterior.nc", "--no-holdout")
    assert said.returncode == 1
    assert "not fit for use" in said.stdout


def test_warnings_alone_are_exit_code_0(folder, tmp_path):
    lenient = {"rhat": 9.0, "ess_bulk": 1, "ess_tail": 1, "coverage": [0.0, 1.0], "holdout_weeks": 0}
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
        (("allocate", "--posterior", "posterior.nc", "--total", "-1"), "--total must be above 0"),
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


def test_figures_of_a_posterior_that_other_source_fitted_come_with_a_remark(folder, tmp_path):
    shutil.copyfile(folder / "posterior.nc", tmp_path / "earlier.nc")
    with h5py.File(tmp_path / "earlier.nc", "a") as file:
        del file.attrs[DIGEST]
        file.attrs["source"] = "0123456789abcdef"
    said = mmm("curves", "--posterior", tmp_path / "earlier.nc")
    assert said.returncode == 0
    assert f"{tmp_path / 'earlier.nc'} was written by carryover 0.1.0, source 0123456789abcdef" in said.stderr
    assert said.stdout == mmm("curves", "--posterior", folder / "posterior.nc").stdout


@pytest.mark.slow
def test_simulate_writes_landing_files_and_their_truth(tmp_path):
    said = mmm("simulate", "--out", tmp_path, "--seed", 3, "--end", "2025-06-02")
    assert said.returncode == 0, said.stderr
    assert list((tmp_path / "landing" / "google_ads" / "campaign_stats").glob("*.csv"))
    assert (tmp_path / "truth" / "truth.json").is_file()
    for market in ("us", "uk"):  # a table that the models of this repository fit as it is
        model = next((Path(__file__).parents[3] / "models").glob(f"{market}_*.yaml"))
        check_table(read_table(tmp_path / "weekly" / f"{market}.csv"), load_spec(model))


def test_a_posterior_is_questioned(folder, tmp_path):
    said = mmm("sensitivity", "--posterior", folder / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "adstock" in said.stdout
    assert set(read_json(tmp_path / "sensitivity.json")["diagnosis"]) == {"tv", "search"}
    save_posterior(posterior(draws=20, seed=2), tmp_path / "other.nc")
    said = mmm(
        "loo", "--posterior", folder / "posterior.nc", "--against", tmp_path / "other.nc", "--out", tmp_path
    )
    assert said.returncode == 0, said.stderr
    assert "predicts best" in said.stdout
    assert "other.nc" in said.stdout
    assert len(read_json(tmp_path / "loo.json")["comparison"]) == 2
    assert set(pd.read_csv(tmp_path / "loo.csv").columns) == {"geo", "week", "elpd", "khat"}
    said = mmm("identify", "--posterior", folder / "posterior.nc", "--out", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "What the data could tell" in said.stdout
    assert set(pd.read_csv(tmp_path / "identifiability.csv")["channel"]) == {"tv", "search", "newsletter"}


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
    assert facts == {"model": "small", "seed": 0, "assumed": [], "approximate": ""}
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
    assert "plan: " in refused.stderr


def test_priors_are_shown_before_a_fit(folder, tmp_path):
    said = mmm(
        "prior",
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--draws",
        200,
        "--out",
        tmp_path,
    )
    assert said.returncode == 0, said.stderr
    assert "all media" in said.stdout
    assert len(pd.read_csv(tmp_path / "prior.csv")) == 4
    assert read_json(tmp_path / "prior.json")["channels"][-1]["roi_mean"] is None


def test_an_approximate_posterior_is_labelled_wherever_it_appears(folder, tmp_path):
    tree = posterior(draws=20)
    tree.attrs.update(engine="laplace", approximate="normal approximation at the mode")
    save_posterior(tree, tmp_path / "quick.nc")
    for command in ("curves", "sensitivity", "identify", "allocate"):
        said = mmm(command, "--posterior", tmp_path / "quick.nc", "--out", tmp_path)
        assert said.returncode == 0, said.stderr
        assert "approximate: normal approximation at the mode" in said.stdout, command
    assert "approximate" in mmm("loo", "--posterior", tmp_path / "quick.nc", "--out", tmp_path).stdout
    for file in ("response_curves", "sensitivity", "identifiability", "budget_allocation", "loo"):
        column = pd.read_csv(tmp_path / f"{file}.csv")["approximate"]
        assert set(column) == {"approximate: normal approximation at the mode"}, file
    reviewed = mmm("review", "--posterior", tmp_path / "quick.nc", "--no-holdout")
    assert reviewed.returncode == 1
    assert "not fit for use: exact" in reviewed.stdout


def test_chains_that_did_not_converge_are_named_wherever_their_figures_appear(folder, tmp_path):
    tree = posterior(draws=600)
    save_posterior(tree, tmp_path / "good.nc")
    assert "not converged" not in mmm("curves", "--posterior", tmp_path / "good.nc").stdout
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(roi=group["roi"] + group["chain"] + 0.1 * group["sigma"])
    save_posterior(tree, tmp_path / "apart.nc")
    for command in ("curves", "sensitivity", "identify", "allocate"):
        said = mmm(command, "--posterior", tmp_path / "apart.nc", "--out", tmp_path)
        assert said.returncode == 0, said.stderr
        assert "not converged: R-hat " in said.stdout, command
        assert "do not use these figures; raise `fit: warmup` and `draws`\n" in said.stdout
    assert "R-hat" in read_json(tmp_path / "budget_allocation.json")["not_converged"]


def test_convergence_goes_by_the_reviews_thresholds():
    usual = Review()
    assert faults(1.009, 400, 0.01, usual) == ""
    assert faults(1.28, 400, 0.0, usual).startswith("R-hat 1.28: do not use")
    assert faults(1.28, 400, 0.0, Review(rhat=1.3)) == ""
    assert faults(None, 399, 0.0, usual).startswith("R-hat not defined, bulk ESS 399: ")
    assert faults(1.0, 399, 0.0, Review(ess_bulk=300)) == ""
    assert faults(1.0, 2000, 0.02, usual) == (
        "2.0% of the transitions divergent: do not use these figures; raise `fit: target_accept`"
    )


def test_what_a_sampler_says_is_shown_as_far_as_it_knows():
    from mmm_core.cli.terminal import note_of
    from mmm_core.inference.hmc.state import Progress

    assert note_of(Progress("compiling", 0, 10, 0, 0.1)) == "compiling"
    said = note_of(Progress("sampling", 5, 10, 2, 1.0, step_size=0.41, acceptance=0.9, rhat=1.004))
    assert said == "sampling, step 0.41, acceptance 90%, R-hat 1.004, 2 divergences"


def test_a_log_gets_the_memory_once_and_a_line_a_quarter(monkeypatch):
    from mmm_core.cli import terminal
    from mmm_core.inference.hmc.state import Progress

    log = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=log, width=40))
    with terminal.sampling("Fitting small") as report:
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("compiling", 0, 400, 0, 0.0))
        report(Progress("preparing", 0, 0, 0, 0.0, message="going on from the checkpoint at iteration 100"))
        for done in range(150, 401, 50):
            report(Progress("sampling", done, 400, 0, 1.0, rhat=1.004))
    assert log.getvalue().splitlines() == [
        "Memory: about 1 GiB at the peak",
        "Fitting small: compiling",
        "Going on from the checkpoint at iteration 100",
        *(f"Fitting small: {n} of 400, sampling, R-hat 1.004" for n in (150, 200, 300, 400)),
    ]


def test_on_a_terminal_the_memory_stays_above_the_bar(monkeypatch):
    from mmm_core.cli import terminal
    from mmm_core.inference.hmc.state import Progress

    screen = io.StringIO()
    monkeypatch.setattr(
        terminal, "err", Console(file=screen, force_terminal=True, width=100, highlight=False)
    )
    with terminal.sampling("Fitting small") as report:
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("sampling", 50, 400, 0, 1.0))
    assert "Memory: about 1 GiB at the peak\n" in screen.getvalue().replace("\r", "")
    assert "of 400" not in screen.getvalue()  # that is what the bar is for


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
def test_backtest_and_placebo_refit_and_are_written(folder, tmp_path):
    small = (
        "--model",
        folder / "small.yaml",
        "--table",
        folder / "weekly.csv",
        "--draws",
        100,
        "--out",
        tmp_path,
    )
    said = mmm("backtest", *small, "--origins", 2, "--horizon", 5)
    assert said.returncode == 0, said.stderr
    assert "all origins" in said.stdout
    assert len(pd.read_csv(tmp_path / "backtest.csv")) == 9
    assert len(pd.read_csv(tmp_path / "backtest_by_horizon.csv")) == 15
    said = mmm("placebo", *small, "--like", "tv")
    assert said.returncode == 0, said.stderr
    facts = read_json(tmp_path / "placebo.json")
    assert facts["like"] == "tv"
    assert facts["words"] in said.stdout


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
