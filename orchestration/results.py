"""What `make demo` and `make refresh` print at the end: returns, lift tests, budget, scenarios, review, and places."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assets.models import Vintage, load_model
from assets.resources.stores import ResultStore
from mmm_core.agreement.moves import channel_moves
from mmm_core.budget.change import change_in_words, percent
from mmm_core.long_term.identification import told_from_none
from mmm_core.plural import plural
from mmm_core.posterior.labels import outcome_name
from orchestration import environments as env

REVENUE = "revenue"
SHOWN = {
    "roi": "Return on investment",
    "calibration_report": "What the lift tests moved",
    "long_term_roi": "Long term",
    "total_roi": "Short and long term",
    "budget_allocation": "Recommended budget",
    "budget_readiness": "Readiness of the budget",
    "budget_scenarios": "Scenarios",
    "model_review": "Review",
}


def show(console: Console, vintage: Vintage, made: Mapping[str, Mapping[str, Any]]) -> None:
    """ROI and recommended budget of a vintage, and whether it passed its review: all of the posterior of this run.

    Args:
        made: the assets that this run materialized, by name, with their metadata.
    """
    console.rule(Text.assemble((vintage.model, "bold"), f" as of {vintage.as_of_week}"))
    if "mmm_posterior" not in made:
        console.print(
            "This run ended before it had a posterior: what is published stays as it was.", style="red"
        )
        return
    version = made["mmm_posterior"]["posterior_version"]
    tables = _of_one_posterior(vintage, version, made)
    spec = load_model(vintage.model)
    outcome = outcome_name(spec)
    if "roi" in tables:
        console.print(roi_table(tables["roi"], outcome))
    if len(tables.get("long_term_roi", ())) and len(tables.get("total_roi", ())):
        console.print(long_term_table(tables["long_term_roi"], tables["total_roi"]))
    else:
        show_no_long_term(console, made)
    if "calibration_report" in tables:
        show_moves(console, tables["calibration_report"])
    if "budget_allocation" in tables:
        budget = tables["budget_allocation"]
        console.print(budget_table(budget, spec.budget.weeks, outcome, told(tables.get("long_term_roi"))))
        for note in filter(None, budget.get("note", ())):
            console.print(note, style="yellow", markup=False)
    if "budget_scenarios" in tables:
        console.print(scenario_line(tables["budget_scenarios"]), markup=False, soft_wrap=True)
    if "budget_readiness" in tables:
        show_readiness(console, tables["budget_readiness"])
    if "model_review" in tables:
        show_review(console, tables["model_review"], made)
    for name in SHOWN.keys() - tables.keys():
        console.print(f"{SHOWN[name]}: none of posterior {version}, {name} did not get so far", style="red")


def _of_one_posterior(
    vintage: Vintage, version: str, made: Mapping[str, Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The tables that were computed from this posterior; what an earlier one left is not among them."""
    store = ResultStore(folder=str(env.paths().results))
    read = {name: store.read(name, vintage) for name in SHOWN}
    return {
        name: table
        for name, table in read.items()
        if table is not None
        and (set(table["posterior_version"]) == {version} or (table.empty and name in made))
    }


def show_moves(console: Console, report: pd.DataFrame) -> None:
    """A line a channel: its ROI before any lift test and with all, and by which tests."""
    moves = channel_moves(report)
    if not moves:
        console.print("What the lift tests moved: no lift test calibrates this model")
        return
    title = "What the lift tests moved: ROI before any test -> with all, with 90 % intervals"
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 1))
    for _ in ("channel", "before", "->", "after"):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for move in moves:
        before, after = move.figures
        table.add_row(Text(move.channel), before, "->", after, Text(move.by, "dim"))
    console.print(table)


def roi_table(roi: pd.DataFrame, outcome: str = REVENUE) -> Table:
    """A line a channel; a return on what is no money is units of it per unit of spend, often few."""
    form = ".2f" if outcome == REVENUE else ".2g"
    per = "" if outcome == REVENUE else f" in {outcome} per unit of spend"
    title = f"Return on investment{per}, with 90 % intervals"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("channel", no_wrap=True)
    for heading in ("spend", f"{outcome} brought", "ROI", "90 %", "mROI"):
        table.add_column(heading, justify="right", no_wrap=True)
    figures = roi.set_index(["channel", "metric"])
    for channel in dict.fromkeys(roi["channel"]):
        row = figures.loc[channel]
        if "roi" not in row.index:
            continue
        table.add_row(
            channel,
            f"{row.at['spend', 'mean']:,.0f}",
            f"{row.at['contribution', 'mean']:,.0f}",
            f"{row.at['roi', 'mean']:{form}}",
            f"{row.at['roi', 'q05']:{form}} to {row.at['roi', 'q95']:{form}}",
            f"{row.at['mroi', 'mean']:{form}}",
        )
    return table


SURE = 0.95
"""Share of draws on one side of 0 from which a long-term return is told from none, as in `rpt_long_term_roi`."""


def long_term_table(long: pd.DataFrame, total: pd.DataFrame) -> Table:
    """A line a channel: what a unit of spend brings by way of the brand, and with its short-term return."""
    long = long[(long["effect"] == "long") & (long["path"] == "all")].set_index("channel")
    total = total[total["effect"] == "total"].set_index("channel")
    weeks, discount = int(long["horizon_weeks"].iloc[0]), float(long["discount"].iloc[0])
    discounted = f", discounted by {discount:.0%} a year" if discount else ""
    table = Table(
        title=f"ROI by way of the brand, within {plural(weeks, 'week')} of the spend{discounted}, medians with 90 % "
        "intervals",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("channel", no_wrap=True)
    for heading in ("long term", "90 %", "above 0", "total", "90 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for channel, row in long.iterrows():
        both = total.loc[channel]
        table.add_row(
            str(channel),
            f"{row['median']:.2f}",
            f"{row['q05']:.2f} to {row['q95']:.2f}",
            percent(row["positive"]),
            f"{both['median']:.2f}",
            f"{both['q05']:.2f} to {both['q95']:.2f}",
        )
    unsure = [str(channel) for channel, row in long.iterrows() if 1 - SURE < row["positive"] < SURE]
    if unsure:
        words = f"not identified, less than {SURE:.0%} of the draws on one side of 0: {', '.join(unsure)}"
        table.caption, table.caption_justify = Text(words), "left"
    return table


def show_no_long_term(console: Console, made: Mapping[str, Mapping[str, Any]]) -> None:
    """Why this run has no long-term returns: the surveys or the fit were refused, or there is nothing to do."""
    for asset in ("brand_state", "bvar_posterior"):
        if why := made.get(asset, {}).get("refused"):
            console.print(f"Long term: {why}", style="yellow", markup=False)
            return
    if why := made.get("bvar_posterior", {}).get("skipped"):
        console.print(f"Long term: {why}", style="dim", markup=False)


def counts_long_term(table: pd.DataFrame) -> bool:
    """Whether a budget or scenarios count what media bring by way of the brand beside what they bring at once."""
    return "horizon" in table and bool((table["horizon"] == "long").any())


def told(long: pd.DataFrame | None) -> list[str] | None:
    """Channels of which a budget for the long term counts it, as it is told from none; None where nobody knows."""
    if long is None or long.empty:
        return None
    return [name for name, known in told_from_none(long).items() if known]


def budget_table(
    budget: pd.DataFrame, weeks: int, outcome: str = REVENUE, long_of: Sequence[str] | None = None
) -> Table:
    """A line a channel: spent last, to be spent next.

    Args:
        long_of: channels whose long term is counted where the budget is of the long term; None where nobody knows.
    """
    form = ".2f" if outcome == REVENUE else ".2g"
    counted = ""
    if counts_long_term(budget):
        counted = "; short and long term are counted"
        if long_of is not None:
            counted = (
                f"; the short term is counted, and the long term of {', '.join(long_of) or 'no channel'}"
            )
    table = Table(
        title=f"Recommended budget, next {plural(weeks, 'week')}{counted}",
        title_justify="left",
        show_footer=True,
        box=SIMPLE_HEAD,
    )
    table.add_column("channel", footer="all", no_wrap=True)
    current, recommended = budget["current_spend"].sum(), budget["recommended_spend"].sum()
    gain = budget["recommended_revenue"].sum() - budget["current_revenue"].sum()
    table.add_column("spent last", justify="right", footer=f"{current:,.0f}")
    table.add_column("spend next", justify="right", footer=f"{recommended:,.0f}")
    table.add_column("change", justify="right", footer=change_in_words(current, recommended))
    table.add_column(f"{outcome} change", justify="right", footer=f"{gain:+,.0f}")
    table.add_column("mROI", justify="right")
    for row in budget.itertuples():
        table.add_row(
            row.channel,
            f"{row.current_spend:,.0f}",
            f"{row.recommended_spend:,.0f}",
            change_in_words(row.current_spend, row.recommended_spend),
            f"{row.recommended_revenue - row.current_revenue:+,.0f}",
            "" if pd.isna(row.mroi) else f"{row.mroi:{form}}",
        )
    return table


def scenario_line(rows: pd.DataFrame) -> str:
    """The plans that were held against each other, and the one that gains most over their reference, in one line."""
    plans = rows[(rows["kind"] == "plan") & (rows["channel"] == "")]
    others = plans[~plans["is_reference"]]
    if others.empty:
        return "Scenarios: none beside the current plan"
    best = others.loc[others["gain"].idxmax()]
    which = (
        f"the only one beside {best['against']}"
        if len(others) == 1
        else f"the best of {len(others)} over {best['against']}"
    )
    sure = (
        ""
        if pd.isna(best["probability_better"])
        else f", better with probability {percent(best['probability_better'])}"
    )
    counted = "; short and long term are counted" if counts_long_term(rows) else ""
    return f"Scenarios: {best['scenario']}, {which}, {best['gain']:+,.0f} {best['gain_in']}{sure}{counted}"


def show_readiness(console: Console, gates: pd.DataFrame) -> None:
    """Whether the budget may be acted on, and every gate that says no or was let pass."""
    closed, overridden = gates[~gates["passed"] & ~gates["overridden"]], gates[gates["overridden"]]
    verdict = Text("not ready", "red") if len(closed) else Text("ready", "green")
    passed = (f" ({int(gates['passed'].sum())} of {plural(len(gates), 'gate')} passed)", "dim")
    console.print(Text.assemble("Budget ", verdict, passed))
    for row in closed.itertuples():
        console.print(Text.assemble((f"  {row.gate}", "red"), f": {row.message}"))
    for row in overridden.itertuples():
        by = f"let pass by {row.decided_by} until {row.decided_until:%Y-%m-%d}, {row.decided_why}"
        console.print(Text.assemble((f"  {row.gate}", "yellow"), f": {row.message} ({by})"))


def show_review(console: Console, review: pd.DataFrame, made: Mapping[str, Mapping[str, Any]]) -> None:
    """The verdict, what became of it in this run, and every check that did not pass."""
    failed = review[~review["passed"]]
    blocked = bool((failed["severity"] == "ERROR").any())
    verdict = Text("failed: not promoted, not published", "red") if blocked else _passed(made)
    unasked = int((review["passed"] & review["figure"].isna()).sum())
    asked = len(review) - unasked
    rest = f"; {unasked} had nothing to look at" if unasked else ""
    passed = (f" ({asked - len(failed)} of {plural(asked, 'check')} passed{rest})", "dim")
    console.print(Text.assemble("Review ", verdict, passed))
    for row in failed.itertuples():
        colour = "red" if row.severity == "ERROR" else "yellow"
        console.print(Text.assemble((f"  {row.check_name}", colour), f": {row.message}"))


def _passed(made: Mapping[str, Mapping[str, Any]]) -> Text:
    outcome = made["champion"]["outcome"] if "champion" in made else "not promoted"
    promoted = "promoted" if outcome == "live" else outcome
    published = "published" if "published_results" in made else "not published"
    good = outcome == "live" and "published_results" in made
    between = " and" if good or ":" not in promoted else ";"  # a reason is not gone on with
    return Text(f"passed: {promoted}{between} {published}", "green" if good else "yellow")


def show_places(console: Console) -> None:
    paths = env.paths()
    reports = sorted((paths.published / "current").glob("report_*.html"))
    places = [
        ("marts to query, read-only", paths.published / "current" / "marts.duckdb"),
        *(("weekly report, to read and print", report) for report in reports),
        ("warehouse", paths.warehouse),
        ("posteriors", paths.posteriors),
        ("MLflow", env.mlflow_uri()),
        ("graph, runs and checks", "make ui"),
    ]
    console.print("Where things are", style="italic")
    wide = max(len(what) for what, _ in places)
    for what, place in places:  # no table: a path that is cut or broken is no path
        console.print(f" {what:<{wide}}  {place}", soft_wrap=True)
