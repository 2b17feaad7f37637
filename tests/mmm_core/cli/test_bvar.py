"""`mmm bvar`: the long term of a model from files, and a vector autoregression of a table alone."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from typer.testing import CliRunner

from mmm_core.cli import bvar as cli_bvar
from mmm_core.cli import console_bvar
from mmm_core.cli.cli import app
from mmm_core.long_term import stage
from mmm_core.long_term.bands import bands
from mmm_core.long_term.multipliers import cumulative_multipliers
from mmm_core.long_term.stage import LongTerm
from mmm_core.long_term.stored import load_long_term, save_long_term
from mmm_core.posterior.schema import load_posterior, save_posterior
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.long_term.surveyed import monthly
from tests.mmm_core.long_term.worlds import world
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

RULE = {"metrics": ["awareness"], "draws": 100, "lags": 1, "horizon": 13, "horizons": [13]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("bvar")
    table, spec = weekly_table(weeks=80), {**SPEC, "long_term": RULE}
    table.to_csv(root / "weekly.csv", index=False)
    (root / "small.yaml").write_text(yaml.safe_dump(spec))
    save_posterior(posterior(SPEC, table, draws=50), root / "posterior.nc")
    monthly(pd.DatetimeIndex(table["week_start"])[4:]).to_csv(root / "brand.csv", index=False)
    made = world(120, seed=3)
    both = made.variables.join(made.spend).rename_axis("week_start").reset_index()
    both.to_csv(root / "series.csv", index=False)
    return root


def bvar(*more):
    """In this process: most of what is tried here is refused before there is anything to compute."""
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["bvar", *map(str, more)])


def test_posterior_and_survey_give_tables_pictures_and_a_file_that_is_read_again(folder, tmp_path):
    said = bvar(
        "--posterior", folder / "posterior.nc", "--brand", folder / "brand.csv", "--model",
        folder / "small.yaml", "--table", folder / "weekly.csv", "--out", tmp_path,
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    assert "revenue per unit of spend; long term: 13 weeks after the spend" in said.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "long_term.nc", "long_term_roi.csv", "long_term_multipliers.csv", "impulse_responses.csv", "brand_metrics.csv",
        "variance_decomposition.csv", "long_term_checks.csv", "long_term_roi.png", "impulse_responses.png",
        "brand_metrics.png", "contents.json",
    } == names  # fmt: skip
    found = LongTerm.of(load_long_term(tmp_path / "long_term.nc"))
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "long_term_roi.csv").drop(columns="not_to_be_read", errors="ignore"),
        found.roi(),
        check_dtype=False,
        check_exact=False,
    )
    assert "long_term.nc" in json.loads((tmp_path / "contents.json").read_text())["files"]


def test_the_draws_are_kept_where_the_reader_of_the_output_has_gone(folder, tmp_path, monkeypatch):
    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr(stage, "fit_long_term", partial(stage.fit_long_term, checked=False))
    monkeypatch.setattr(cli_bvar.screen, "print", gone)
    said = bvar(
        "--posterior", folder / "posterior.nc", "--brand", folder / "brand.csv", "--model",
        folder / "small.yaml", "--out", tmp_path,
    )  # fmt: skip
    assert said.exit_code != 0
    assert LongTerm.of(load_long_term(tmp_path / "long_term.nc")).draws.sizes["draw"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--posterior", "posterior.nc"], "name the brand survey with --brand"),
        (["--posterior", "posterior.nc", "--brand", "brand.csv"], "long_term.metrics names no brand metric"),
        (["--posterior", "posterior.nc", "--brand", "none.csv", "--model", "small.yaml"], "none.csv: no such file"),
        (["--posterior", "posterior.nc", "--brand", "brand.csv", "--model", "fame.yaml"], "did you mean 'awareness'?"),
        (["--posterior", "posterior.nc", "--brand", "percent.csv", "--model", "small.yaml"], "percentages are divided"),
        (["--posterior", "posterior.nc", "--brand", "later.csv", "--model", "small.yaml"], "after the as-of week"),
        (["--table", "weekly.csv"], "no variable is named"),
        (["--table", "weekly.csv", "--variables", "revenu"], "did you mean 'revenue'?"),
        (["--table", "weekly.csv", "--variables", "revenue", "--media", "revenue"], "named more than once"),
        (["--table", "weekly.csv", "--variables", "revenue", "--lags", "two"], "--lags two: write a whole number"),
        (["--table", "weekly.csv", "--variables", "revenue,copy"], "weekly2.csv: variable 'copy' is a copy of"),
        (["--table", "weekly.csv", "--variables", "zeros"], "zeros in the place of an unknown past"),
        (["--table", "gap.csv", "--variables", "revenue"], "weeks of the variables are not seven days apart before"),
        (["--table", "weekly.csv", "--variables", "revenue,price", "--lags", "26", "--media-lags", "26"], ""),
        (["--posterior", "posterior.nc", "--brand", "brand.csv", "--lags", "4"], "--lags: with --posterior"),
        (["--table", "weekly.csv", "--variables", "revenue", "--brand", "brand.csv"], "--brand: goes with --posterior"),
        ([], "name --posterior and --brand for the long term of a model, or --table and --variables"),
    ],
)  # fmt: skip
def test_what_is_refused_says_what_to_do(folder, arguments, says):
    brand, weekly = pd.read_csv(folder / "brand.csv"), pd.read_csv(folder / "weekly.csv")
    brand.assign(value=100 * brand["value"]).to_csv(folder / "percent.csv", index=False)
    later = brand.tail(1).assign(month_start="2029-01-01")
    pd.concat([brand, later.assign(metric="awareness")]).to_csv(folder / "later.csv", index=False)
    spoilt = {**SPEC, "long_term": {**RULE, "metrics": ["awarenes"]}}
    (folder / "fame.yaml").write_text(yaml.safe_dump(spoilt))
    zeros = np.where(np.arange(len(weekly)) < 2, 0.0, weekly["revenue"])
    weekly.assign(copy=2 * weekly["revenue"], zeros=zeros).to_csv(folder / "weekly2.csv", index=False)
    weekly.drop(index=7).to_csv(folder / "gap.csv", index=False)
    if not says:
        arguments, says = [*arguments, "--media", "tv_spend"], "coefficients an equation"
    named = {
        "posterior.nc",
        "brand.csv",
        "none.csv",
        "fame.yaml",
        "small.yaml",
        "percent.csv",
        "later.csv",
        "gap.csv",
    }
    arguments = [folder / "weekly2.csv" if word == "weekly.csv" else word for word in arguments]
    said = bvar(*(folder / word if word in named else word for word in arguments))
    assert said.exit_code == 2, said.stdout
    assert says in said.stderr


def test_a_table_alone_gives_multipliers_that_are_those_of_its_columns(folder, tmp_path):
    said = bvar(
        "--table", folder / "series.csv", "--variables", "awareness,consideration,base", "--media",
        "tv,search", "--lags", "1,2", "--draws", "500", "--horizon", "26", "--out", tmp_path,
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    table = pd.read_csv(tmp_path / "multipliers.csv")
    assert set(table["horizon_weeks"].dropna()) == {24, 26}
    assert set(table["unit"]) == {"awareness", "consideration", "base"}
    assert "of the draws are stable" in said.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "impulse_responses.csv", "impulse_responses.png", "variance_decomposition.csv", "multipliers.csv", "bvar.json",
        "bvar.nc",        "forecast_against_random_walk.csv", "contents.json",
    }  # fmt: skip
    with xr.open_dataset(tmp_path / "bvar.nc", engine="h5netcdf") as draws:
        sums = bands(cumulative_multipliers(draws.load(), (24,)))["median"]
    row = table.query("channel == 'tv' and response == 'base' and horizon_weeks == 24").iloc[0]
    assert float(sums.sel(horizon=24, response="base", channel="tv")) == pytest.approx(row["median"])
    facts = json.loads((tmp_path / "bvar.json").read_text())
    assert facts["lags"] in (1, 2)
    again = ["--table", folder / "series.csv", "--variables", "awareness,base", "--draws", "100"]
    without = bvar(*again, "--out", tmp_path)
    assert without.exit_code == 0
    assert "What one unit of media brings" not in without.stdout
    assert "of another specification or table of table series" in on_one_line(without.stderr)
    assert "multipliers.csv: make them again" in on_one_line(without.stderr)


def test_generalised_shocks_know_no_order_of_the_variables(folder, tmp_path):
    def responses(variables, shocks):
        out = tmp_path / f"{variables}-{shocks}"
        said = bvar(
            "--table", folder / "series.csv", "--variables", variables, "--lags", "1", "--draws", "2000", "--horizon",
            "8", "--shocks", shocks, "--out", out,
        )  # fmt: skip
        assert said.exit_code == 0, said.stderr
        table = pd.read_csv(out / "impulse_responses.csv")
        return table.set_index(["kind", "cause", "response", "weeks_after"])

    there, back = (responses(names, "generalised") for names in ("awareness,base", "base,awareness"))
    both = there.join(back, rsuffix="_back").reset_index()
    assert set(both["kind"]) == {"generalised"}
    wide = both["q95"] - both["q05"]
    assert ((both["median"] - both["median_back"]).abs() < 0.25 * wide).all()  # two samples of one posterior
    # what is moved is moved by the sd that is stated, and so it is of the first of orthogonal ones
    for cause in ("awareness", "base"):
        row = there.loc[("generalised", cause, cause, 0)]
        assert row["median"] == pytest.approx(row["size"])
    first = responses("awareness,base", "orthogonal").loc[("shock", "awareness")]
    pd.testing.assert_frame_equal(first, there.loc[("generalised", "awareness")])
    # where base goes last, its orthogonal shock leaves awareness as it is at once; its generalised one does not
    assert responses("awareness,base", "orthogonal").loc[("shock", "base", "awareness", 0), "median"] == 0
    assert there.loc[("generalised", "base", "awareness", 0), "median"] != 0


def test_a_folder_of_a_model_s_files_takes_none_of_a_table_s(folder, tmp_path):
    save_posterior(load_posterior(folder / "posterior.nc"), tmp_path / "posterior.nc")
    said = bvar("--table", folder / "series.csv", "--variables", "awareness,base", "--out", tmp_path)
    assert said.exit_code == 2
    assert "holds files of model small (posterior.nc), and these would be of table series" in on_one_line(
        said.stderr
    )
    assert [path.name for path in tmp_path.iterdir()] == ["posterior.nc"]


def test_figures_that_may_not_be_read_or_acted_on_are_said_to_be_so(folder):
    tree = load_posterior(folder / "posterior.nc")
    rng = np.random.default_rng(1)
    found = long_term_of(tree, {"tv": rng.normal(0, 1, 100), "search": np.full(100, 2.0)})
    table = pd.DataFrame(
        [("sampler", "R-hat", 1.5, 1.1, False, "largest R-hat 1.500: chains disagree"),
         ("forecast", "base", 1.3, 1.1, False, "base: its lags tell nothing")],
        columns=["check", "subject", "value", "bound", "passed", "words"],
    )  # fmt: skip
    found.tree["checks"] = xr.DataTree(xr.Dataset.from_dataframe(table))
    with cli_bvar.screen.capture() as captured:
        cli_bvar.screen.print(console_bvar.long_term(found))
    told = on_one_line(captured.get())
    severe = "no figure of these may be read: largest R-hat 1.500: chains disagree"
    assert told.index(severe) < told.index("channel")
    assert told.count("chains disagree") == 1
    assert "base: its lags tell nothing" in told
    assert "long-term effect not identified: tv; under 95%" in told


def on_one_line(text: str) -> str:
    """What a terminal of whatever width has broken into lines."""
    return " ".join(text.split())


def test_tables_of_chains_that_disagree_say_so(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("mmm_core.long_term.checks.MOST_RHAT", 0.9)
    said = bvar(
        "--posterior", folder / "posterior.nc", "--brand", folder / "brand.csv", "--model",
        folder / "small.yaml", "--out", tmp_path,
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    for name in ("long_term_roi", "long_term_multipliers", "impulse_responses", "variance_decomposition"):
        table = pd.read_csv(tmp_path / f"{name}.csv")
        assert table["not_to_be_read"].str.contains("chains disagree").all(), name


def test_a_budget_that_counts_the_long_term_reads_its_file_and_says_so(folder, tmp_path):
    tree = load_posterior(folder / "posterior.nc")
    save_long_term(long_term_of(tree, {"tv": 2.0}).tree, tmp_path / "long_term.nc")
    rule = {**RULE, "metrics": ["awareness"]}
    asks = {**SPEC, "long_term": rule, "budget": {"weeks": 4, "horizon": "long"}}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(asks))
    plan = ["allocate", "--posterior", str(folder / "posterior.nc"), "--out", str(tmp_path / "plan")]
    file = ["--long-term", str(tmp_path / "long_term.nc")]
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
    said = runner.invoke(app, [*plan, *file, "--model", str(tmp_path / "long.yaml")])
    assert said.exit_code == 0, said.stderr
    assert "by way of the brand within 10 weeks (tv 2.00)" in on_one_line(said.stdout)
    assert json.loads((tmp_path / "plan" / "budget_allocation.json").read_text())["horizon"] == "long"
    held = ["scenario", "--posterior", str(folder / "posterior.nc"), "--model", str(tmp_path / "long.yaml")]
    said = runner.invoke(app, [*held, *file, "--spend", "tv=+20%", "--out", str(tmp_path / "plan")])
    assert said.exit_code == 0, said.stderr
    facts = json.loads((tmp_path / "plan" / "scenarios.json").read_text())
    rows = {row["scenario"]: row for row in facts["scenarios"]}
    assert facts["horizon"] == "long"
    assert rows["asked"]["long_term"] == pytest.approx(1.2 * rows["current"]["long_term"])
    ranked = [
        "experiments",
        "--posterior",
        str(folder / "posterior.nc"),
        "--model",
        str(tmp_path / "long.yaml"),
    ]
    said = runner.invoke(app, [*ranked, *file, "--channel", "tv", "--weeks", "4", "--share", "1"])
    assert said.exit_code == 0, said.stderr
    assert "by way of the brand within 10 weeks (tv 2.00)" in on_one_line(said.stdout)
    assert "by way of the brand within 10 weeks (tv 2.00)" in on_one_line(said.stdout)
    for command in (held, [*plan, "--model", str(tmp_path / "long.yaml")]):
        said = runner.invoke(app, command)
        assert said.exit_code == 2
        assert "there is no long-term posterior" in on_one_line(said.stderr)
    said = runner.invoke(app, [*plan, *file])
    assert said.exit_code == 2
    assert "the budget counts short-term effects only" in on_one_line(said.stderr)
