"""What people see: names in [brackets] as they are, tables of one posterior, a line for a failure, exit codes."""

import io
import logging
import os
import subprocess
import sys

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from assets.raw.assets import landing_tables
from assets.resources.settings import REPOSITORY
from assets.resources.stores import ResultStore
from assets.resources.warehouse import Warehouse, WarehouseLocked
from mmm_core.errors import InputError
from orchestration import refresh
from orchestration.command import command
from orchestration.follow import FOLLOW, follow, following, waits_told
from orchestration.foreground import Foreground, passed_over, refusals
from orchestration.reasons import reason_of
from orchestration.results import budget_table, roi_table, show, told
from orchestration.terminal import plain_console
from tests.fixtures_warehouse import Platform
from tests.orchestration.house import SPEC, vintage

BRACKETS = "landing/tv [2025].csv: column [/spend] [red]"


class Screen(io.StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch) -> Foreground:
    """A foreground on a terminal that keeps what is drawn."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return Foreground(plain_console(Screen()))


def test_brackets_of_names_are_printed_as_they_are(screen):
    foreground = screen
    with foreground.phase(f"Model {BRACKETS}"):
        foreground.say(BRACKETS)
        foreground.tell(BRACKETS)
    foreground.console.print(BRACKETS, style="red", soft_wrap=True)
    foreground.show_timing()
    assert foreground.console.file.getvalue().count(BRACKETS) > 4


def test_what_libraries_print_is_not_drawn_above_the_spinner(screen):
    foreground = screen
    with foreground.phase("Ingest"):
        sys.stderr.write("a library's log\n")
        foreground.say("landing")
    assert "library" not in foreground.console.file.getvalue()
    assert "landing" in foreground.console.file.getvalue()


def test_every_console_is_the_plain_one():
    made = [
        path.name
        for path in (REPOSITORY / "orchestration").rglob("*.py")
        if "Console(" in path.read_text().replace("plain_console(", "")
    ]
    assert made == ["terminal.py"]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Writes tables of a vintage as assets leave them: (name, posterior version) -> a file."""
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path))
    (tmp_path / f"{vintage().model}.yaml").write_text(yaml.safe_dump(SPEC))
    store = ResultStore(folder=str(tmp_path / "results"))
    roi = pd.DataFrame(
        {
            "channel": "search [brand]",
            "metric": ["spend", "contribution", "roi", "mroi"],
            **dict.fromkeys(("mean", "q05", "q95"), 1.0),
        }
    )
    budget = pd.DataFrame(
        {
            "channel": ["search [brand]"],
            **dict.fromkeys(
                ("current_spend", "recommended_spend", "current_revenue", "recommended_revenue", "mroi"), 1.0
            ),
        }
    )
    review = pd.DataFrame(
        {
            "check_name": ["rhat", "holdout", "ess"],
            "severity": ["WARN", "WARN", "ERROR"],
            "passed": [False, True, True],
            "figure": [1.2, np.nan, 900.0],
            "message": ["R-hat of [tv] is 1.2", "turned off", "at least 900"],
        }
    )
    moved = pd.DataFrame(
        {
            "left_out": ["all tests", "test [june]"],
            "channel": "search [brand]",
            "tested": True,
            "shift": -1.0,
            **{f"roi_{which}{end}": 2.0 for which in ("without", "with") for end in ("", "_q05", "_q95")},
        }
    )
    returns = pd.DataFrame(
        {
            "channel": ["search [brand]"],
            "path": "all",
            "horizon_weeks": 52,
            "discount": 0.1,
            "q05": -0.11,
            "q95": 0.99,
            "positive": 0.9,
        }
    )
    gates = pd.DataFrame(
        {
            "gate": ["moved", "profit", "history"],
            "passed": [False, False, True],
            "overridden": [False, True, False],
            "message": ["45 % is spent [otherwise]", "less is earned", "104 weeks"],
            "decided_by": ["", "team:finance", ""],
            "decided_until": pd.to_datetime([None, "2025-02-03", None]),
            "decided_why": ["", "agreed", ""],
        }
    )
    scenarios = pd.DataFrame(
        {
            "kind": ["plan", "plan", "plan", "plan", "sweep"],
            "scenario": ["current", "bolder [tv]", "recommended", "bolder [tv]", "budget x 2"],
            "channel": ["", "", "", "tv", ""],
            "is_reference": [True, False, False, False, False],
            "against": "current",
            "gain": [0.0, 900.0, 1200.4, 5000.0, 9000.0],
            "gain_in": "profit",
            "probability_better": [None, 0.7, 0.998, 0.9, 0.9],
        }
    )
    tables = {
        "budget_scenarios": scenarios,
        "long budget": budget.assign(horizon="long"),
        "long plans": scenarios.assign(horizon="long"),
        "one plan": scenarios[:2],
        "roi": roi,
        "budget_allocation": budget,
        "budget_readiness": gates,
        "model_review": review,
        "calibration_report": moved,
        "no tests": moved[:0],
        "long_term_roi": returns.assign(effect="long", median=0.44),
        "total_roi": returns.assign(effect="total", median=1.66),
    }

    def write(version: str, *names: str) -> None:
        for each in names:
            name = {
                "no tests": "calibration_report",
                "one plan": "budget_scenarios",
                "long budget": "budget_allocation",
                "long plans": "budget_scenarios",
            }.get(each, each)
            kept = store.keep(name, vintage(), tables[each].assign(posterior_version=version))
            store.versions(name).point(vintage(), kept)

    return write


def shown(made) -> str:
    console = plain_console(io.StringIO())
    show(console, vintage(), made)
    return console.file.getvalue()


NEW = {"mmm_posterior": {"posterior_version": "new"}}
LIVE = {**NEW, "champion": {"outcome": "live"}, "published_results": {}}


def test_a_run_that_went_all_the_way_shows_all(results):
    results(
        "new", "roi", "calibration_report", "budget_allocation", "budget_readiness", "model_review",
        "budget_scenarios",
    )  # fmt: skip
    text = shown(LIVE)
    assert "(1 of 2 checks passed; 1 had nothing to look at)" in " ".join(text.split())
    (line,) = (line.split() for line in text.splitlines() if ") -> " in " ".join(line.split()))
    assert " ".join(line).startswith("search [brand] 2.00 (2.00 to 2.00) -> 2.00 (2.00 to 2.00) by test")
    for words in (
        "search [brand]",
        "Recommended budget",
        "passed: promoted and published",
        "R-hat of [tv] is 1.2",
        "Budget not ready (1 of 3 gates passed)",
        "moved: 45 % is spent [otherwise]",
        "Scenarios: recommended, the best of 2 over current, +1,200 profit, better with probability over 99 %",
        "profit: less is earned (let pass by team:finance until 2025-02-03, agreed)",
    ):
        assert words in text


def test_of_one_plan_beside_the_current_one_the_line_says_that(results):
    results("new", "one plan")
    assert (
        "Scenarios: bolder [tv], the only one beside current, +900 profit, better with probability 70 %"
        in shown(NEW)
    )


def test_a_budget_and_scenarios_that_count_the_long_term_say_so(results):
    results("new", "budget_allocation", "budget_scenarios")
    assert "counted" not in shown(NEW)
    results("new", "long budget", "long plans")
    text = " ".join(shown(NEW).split())
    assert "weeks; short and long term are counted" in text
    assert "better with probability over 99 %; short and long term are counted" in text
    results("new", "long_term_roi", "total_roi")
    assert "weeks; the short term is counted, and the long term of no channel" in " ".join(shown(NEW).split())
    long = pd.DataFrame({"channel": ["tv", "ooh"], "effect": "long", "path": "all", "positive": [0.99, 0.9]})
    assert told(long) == ["tv"]


def test_a_model_without_lift_tests_says_so_and_a_report_of_an_earlier_run_does_not(results):
    results("new", "roi", "no tests")
    assert "no lift test calibrates this model" in shown({**NEW, "calibration_report": {"tests": 0}})
    assert "What the lift tests moved: none of posterior new" in shown(NEW)


def test_a_line_a_channel_says_what_comes_by_way_of_the_brand_and_in_total(results):
    results("new", "roi", "long_term_roi", "total_roi")
    lines = [" ".join(line.split()) for line in shown(NEW).splitlines()]
    assert "ROI by way of the brand, within 52 weeks of the spend, discounted by 10% a year," in " ".join(
        lines
    )
    assert "search [brand] 0.44 -0.11 to 0.99 90 % 1.66 -0.11 to 0.99" in lines
    assert "not identified, less than 95% of the draws on one side of 0: search [brand]" in lines


def test_why_there_is_no_long_term_is_said(results):
    results("new", "roi")
    refused = {**NEW, "brand_state": {"refused": "no wave of [us]"}, "bvar_posterior": {"refused": "none"}}
    assert "Long term: no wave of [us]" in shown(refused)
    skipped = {**NEW, "bvar_posterior": {"skipped": "names no brand metric"}}
    assert "Long term: names no brand metric" in shown(skipped)


def test_a_verdict_on_the_posterior_before_is_not_printed_under_the_new_roi(results):
    results("old", "budget_allocation", "model_review")
    results("new", "roi")
    text = shown(NEW)
    assert "Return on investment" in text
    assert "promoted" not in text
    assert "passed" not in text
    assert "Review: none of posterior new" in text
    assert "Recommended budget: none of posterior new" in text


def test_a_run_without_a_posterior_shows_none_of_an_earlier_one(results):
    results("old", "roi", "budget_allocation", "model_review")
    text = shown({})
    assert "before it had a posterior" in text
    assert "search" not in text


def test_a_budget_of_channels_that_were_all_off_is_no_share_of_nothing():
    spend = {"channel": ["tv", "search"], "current_spend": 0.0, "recommended_spend": [5.0, 0.0]}
    figures = {"current_revenue": 0.0, "recommended_revenue": [9.0, 0.0], "mroi": [1.5, float("nan")]}
    console = plain_console(io.StringIO())
    console.print(budget_table(pd.DataFrame({**spend, **figures}), 4))
    rows = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["all", "0", "5", "was", "off", "+9"] in rows
    assert ["search", "0", "0", "off", "+0"] in rows


def test_an_outcome_that_is_no_money_is_called_by_its_name():
    figures = {"spend": 1e6, "contribution": 1234.0, "roi": 0.001234, "mroi": 0.00099}
    rows = [
        {"channel": "tv", "metric": metric, "mean": mean, "q05": mean / 2, "q95": 2 * mean}
        for metric, mean in figures.items()
    ]
    console = plain_console(io.StringIO())
    console.print(roi_table(pd.DataFrame(rows), "sign_ups"))
    told = console.file.getvalue()
    assert "Return on investment in sign_ups per unit of spend" in told
    assert "sign_ups brought" in told
    assert "0.0012" in told
    assert "0.00062 to 0.0025" in told
    assert "revenue" not in told


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (NEW, "passed: not promoted and not published"),
        ({**NEW, "champion": {"outcome": "live"}}, "passed: promoted and not published"),
        ({**LIVE, "champion": {"outcome": "kept out: version 3 is of a later week"}}, "kept out: version 3"),
        (
            {**NEW, "champion": {"outcome": "not promoted, version 3 stays live: refused: advice_is_stable"}},
            "not promoted, version 3 stays live: refused: advice_is_stable; not published",
        ),
    ],
)
def test_what_became_of_a_review_that_passed_is_what_this_run_did(results, made, verdict):
    results("new", "roi", "model_review")
    assert verdict in " ".join(shown(made).split())


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("tv.csv: column [spend] is not there"), 2, "tv.csv: column [spend] is not there"),
        (
            RuntimeError("broken [pipe]"),
            1,
            "failed: Set up: RuntimeError: broken [pipe]; the whole log is in",
        ),
        (
            duckdb.IOException('IO Error: Could not write file "w.duckdb": No space left on device'),
            1,
            "make room",
        ),
    ],
)
def test_an_error_outside_of_a_step_is_one_line_and_an_exit_code(tmp_path, capfd, error, code, words):
    def work(foreground: Foreground) -> None:
        with foreground.phase("Set up"):
            raise error

    assert command(tmp_path / "x.log", work, again="make demo") == code
    lines = capfd.readouterr().out.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_a_data_folder_that_takes_no_log_is_named_and_nothing_is_begun(tmp_path, capfd):
    (tmp_path / "logs").write_text(
        "a file where the folder should be"
    )  # as a folder of another user, root's too
    begun = []
    assert command(tmp_path / "logs/x.log", begun.append, again="make demo") == 1
    assert begun == []
    told = capfd.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith(f"{tmp_path}/logs/x.log: could not be written: ")
    assert "MMM_DATA_DIR" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["us_revenue", "--as-of", "2026-01-06"],
            ["AS_OF=2026-01-06 is a Tuesday", "is 2026-01-05", "from 2018-01-01"],
        ),
        (["us_revenue", "--as-of", "2099-01-05"], ["is not over yet", "from 2018-01-01"]),
        (["us_revenue", "--as-of", "2017-12-25"], ["comes before the first", "from 2018-01-01"]),
        (["us_revenue", "--as-of", "2026-13-05"], ["no date", "YYYY-MM-DD"]),
        (["us_revenu"], ["no such model", "did you mean 'us_revenue'?"]),
    ],
)
def test_a_week_or_model_that_is_not_there_is_refused_before_anything_begins(
    tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "argv", ["refresh", *arguments])
    assert refresh.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line
    assert not (tmp_path / "data").exists()


def test_a_refused_landing_file_is_told_at_once_and_at_the_end_and_stops_nothing(tmp_path, capfd):
    """The job that ingests, with what is downstream of the landing left to one asset."""
    platform = Platform(tmp_path)
    platform.land("macro/weekly/2024.csv", "week_start,market,consumer_confidence\n2024-01-01,us,high\n")
    platform.land("macro/weekly/broken.csv", "week_start,market,consumer_confidence\n2024-01-08,us,low\n")
    platform.land("macro/weekly/2025/a.csv", "week_start,market,consumer_confidence\n2025-01-06,us,90\n")

    @dg.asset(deps=landing_tables.keys)
    def marts():
        pass

    job = dg.Definitions(
        assets=[landing_tables, marts], jobs=[dg.define_asset_job("job", "*")], loggers={FOLLOW: follow},
        resources=platform.resources(),
    ).resolve_job_def("job")  # fmt: skip
    built, told = [], []

    def work(foreground):
        with following(lambda _: None, told.append):
            result = job.execute_in_process(run_config={"loggers": {FOLLOW: {}}})
        foreground.refused += refusals(result)
        built.extend(event.asset_key for event in result.get_asset_materialization_events())

    log = tmp_path / "refresh.log"
    assert command(log, work, again="make refresh") == 2
    assert dg.AssetKey("marts") in built
    (words,) = told
    assert "2024.csv was refused" in words
    assert "broken.csv was refused" in words
    assert words.count("has no rows yet") == 1  # what it means for the table, once for all of its files
    refused, others = capfd.readouterr().out.strip().splitlines()[-2:]
    assert refused.startswith(
        "refused: macro/weekly/2024.csv, macro/weekly/broken.csv; macro__weekly has no rows yet; the 1 other new"
    )
    assert "not loaded either: macro/weekly/2025/a.csv" in refused
    assert others == "every table not named here was loaded"


def test_a_landing_file_that_no_table_takes_is_told_and_is_no_failure(tmp_path, capfd):
    platform = Platform(tmp_path)
    platform.land("tv/invoices/old.xlsx", "x")
    told = []
    job = dg.Definitions(
        assets=[landing_tables], jobs=[dg.define_asset_job("job", "*")], loggers={FOLLOW: follow},
        resources=platform.resources(),
    ).resolve_job_def("job")  # fmt: skip

    def work(foreground):
        with following(lambda _: None, told.append):
            result = job.execute_in_process(run_config={"loggers": {FOLLOW: {}}})
        foreground.not_read += passed_over(result)

    assert command(tmp_path / "refresh.log", work, again="make refresh") == 0
    (line,) = told
    assert line.startswith("not read:\n  tv/invoices/old.xlsx: it is none of .csv, ")
    assert line.endswith("save it as CSV")
    assert capfd.readouterr().out.strip() == "not read: tv/invoices/old.xlsx"


def test_what_a_fit_s_channel_says_of_itself_is_for_the_log():
    """A process that ends without closing its channel, as one that is stopped does."""
    told, logged = [], []

    @dg.asset
    def fit(context):
        code = "import os; from dagster_pipes import open_dagster_pipes; open_dagster_pipes(); os._exit(1)"
        dg.PipesSubprocessClient().run(context=context, command=[sys.executable, "-c", code])

    @dg.logger
    def log(_):
        logger = logging.Logger("log")
        logger.addFilter(lambda record: logged.append(record.getMessage()))
        return logger

    job = dg.Definitions(
        assets=[fit], jobs=[dg.define_asset_job("job", [fit])], loggers={FOLLOW: follow, "log": log}
    ).resolve_job_def("job")
    with following(lambda _: None, told.append):
        result = job.execute_in_process(run_config={"loggers": {FOLLOW: {}, "log": {}}}, raise_on_error=False)
    assert not result.success
    assert told == []
    assert any("[pipes] did not receive closed message" in message for message in logged)


def test_make_lists_the_models_of_the_folder_that_is_in_use(tmp_path):
    (tmp_path / "ours.yaml").touch()
    words = ["make", "--no-print-directory", "-o", ".venv/.ready", "VENV=.venv", "refresh"]
    said = subprocess.run(
        words,
        cwd=REPOSITORY,
        env={**os.environ, "MMM_MODELS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 2
    assert said.stdout.splitlines()[1:] == ["  ours"]


def test_the_holder_of_a_locked_warehouse_is_told_between_runs_and_once_within_one(tmp_path):
    """Between runs by the logger itself, within a run by the run's log."""
    path = tmp_path / "w.duckdb"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    impatient = Warehouse(path=str(path), wait_seconds=2)
    told = []

    @dg.asset
    def reads():
        with impatient.connect(read_only=True):
            pass

    try:
        with waits_told(told.append), pytest.raises(WarehouseLocked), impatient.connect(read_only=True):
            pass
        assert [f"process {holder.pid}" in line for line in told] == [True]
        job = dg.Definitions(
            assets=[reads], jobs=[dg.define_asset_job("job", [reads])], loggers={FOLLOW: follow}
        ).resolve_job_def("job")
        with waits_told(told.append), following(lambda _: None, told.append):
            result = job.execute_in_process(run_config={"loggers": {FOLLOW: {}}}, raise_on_error=False)
        assert [f"process {holder.pid}" in line for line in told] == [True, True]
        (event,) = result.filter_events(lambda event: event.is_step_failure)
        assert "Close that connection" in reason_of(event)
    finally:
        holder.communicate(b"\n")
