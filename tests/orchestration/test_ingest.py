"""`make ingest` loads and builds, and says what checks warn of: what stops nothing is otherwise seen by nobody."""

import io

import dagster as dg

from orchestration.foreground import LONGEST_WARNING, MOST_WARNED, Foreground
from orchestration.ingest import ingest
from orchestration.terminal import plain_console

MART = dg.AssetKey(["marts", "sales"])
HARMLESS, SEVERE = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
FOUND = {
    "known_geos": (False, HARMLESS, "usa is\nno market"),
    "complete": (True, HARMLESS, "all of it"),
    "positive": (False, SEVERE, "it is not"),
    "was_fetched": (False, HARMLESS, "an origin was away"),  # told at the end, as any table that was not read
    "long": (False, HARMLESS, "x" * 1000),
}


@dg.asset(key=MART, check_specs=[dg.AssetCheckSpec(name, asset=MART) for name in FOUND])
def sales() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(check_name=name, passed=passed, severity=severity, description=words)
            for name, (passed, severity, words) in FOUND.items()
        ]
    )


def job_named(name: str) -> dg.JobDefinition:
    from orchestration.executor import one_process
    from orchestration.follow import FOLLOW, follow

    loggers = {FOLLOW: follow, "console": dg.colored_console_logger}
    defs = dg.Definitions(
        assets=[sales], jobs=[dg.define_asset_job(name, [sales])], executor=one_process, loggers=loggers
    )
    return defs.resolve_job_def(name)


def test_what_checks_warn_of_is_told_a_line_each_and_is_whole_in_the_log(new_house, caplog):
    foreground = Foreground(plain_console(io.StringIO()), jobs=(__name__, "job_named"))
    ingest(foreground)
    told = foreground.console.file.getvalue()
    assert foreground.failed == []
    lines = [line.strip() for line in told.splitlines()]
    assert "sales: known_geos: usa is\\nno market" in lines
    (long,) = [line for line in lines if line.startswith("sales: long: ")]
    assert len(long) == LONGEST_WARNING
    assert "sales: long: " + "x" * 1000 in caplog.messages
    for name in ("complete", "positive", "was_fetched"):
        assert f"sales: {name}" not in told
    assert lines[-1] == "The marts are built; make publish publishes them"
    foreground.show_warned()
    assert foreground.console.file.getvalue() == told  # each is said once


def test_of_very_many_warnings_the_rest_is_counted(caplog):
    foreground = Foreground(plain_console(io.StringIO()))
    foreground.warned = [f"sales: {number}" for number in range(MOST_WARNED + 2)]
    foreground.show_warned()
    lines = foreground.console.file.getvalue().splitlines()
    assert len(lines) == MOST_WARNED + 1
    assert caplog.messages == [f"sales: {number}" for number in range(MOST_WARNED + 2)]
    assert lines[-1] == "  and 2 more warnings: the asset checks in the UI have them"


def test_what_runs_warn_of_week_after_week_is_told_once_with_its_days():
    foreground = Foreground(plain_console(io.StringIO()))
    weeks = [f"2026-11-{day:02}" for day in (2, 9, 16, 16)]

    def warn_of_each():
        for week in weeks:
            foreground.warn(f"not all of the data were known by {week}: {{no export}} of then is left")
            foreground.warn("waiting for the warehouse")
        foreground.warn(f"{weeks[0]} and {weeks[1]} have no price")

    with foreground.week_after_week():
        warn_of_each()
    told = foreground.console.file.getvalue().splitlines()
    assert told == [
        "not all of the data were known by 2026-11-02: {no export} of then is left",
        *["waiting for the warehouse"] * 4,
        "2026-11-02 and 2026-11-09 have no price",
        "of 3 days, 2026-11-02 to 2026-11-16: not all of the data were known by \u2026: {no export} of then is left",
    ]
    warn_of_each()  # elsewhere nothing is kept back
    assert len(foreground.console.file.getvalue().splitlines()) == len(told) + 2 * len(weeks) + 1
