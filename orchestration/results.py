"""What `make demo` and `make refresh` print at the end: returns, recommended budget, review, and where things are."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from assets.models import Vintage, load_model
from assets.resources.stores import ResultStore
from orchestration import environments as env


def show(console: Console, vintage: Vintage) -> None:
    """ROI and recommended budget of a vintage, and whether it passed its review."""
    store = ResultStore(folder=str(env.paths().results))
    roi, budget, review = (store.read(name, vintage) for name in ("roi", "budget_allocation", "model_review"))
    console.rule(f"[bold]{vintage.model}[/] as of {vintage.as_of_week}")
    if roi is not None:
        console.print(roi_table(roi))
    if budget is not None:
        console.print(budget_table(budget, load_model(vintage.model).budget.weeks))
    if review is not None:
        show_review(console, review)


def roi_table(roi: pd.DataFrame) -> Table:
    table = Table(title="Return on investment, with 90 % intervals", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("channel", no_wrap=True)
    for heading in ("spend", "revenue brought", "ROI", "90 %", "mROI"):
        table.add_column(heading, justify="right", no_wrap=True)
    figures = roi.set_index(["channel", "metric"])
    for channel in dict.fromkeys(roi["channel"]):
        one = figures.loc[channel]
        if "roi" not in one.index:
            continue
        table.add_row(
            channel,
            f"{one.at['spend', 'mean']:,.0f}",
            f"{one.at['contribution', 'mean']:,.0f}",
            f"{one.at['roi', 'mean']:.2f}",
            f"{one.at['roi', 'q05']:.2f} to {one.at['roi', 'q95']:.2f}",
            f"{one.at['mroi', 'mean']:.2f}",
        )
    return table


def budget_table(budget: pd.DataFrame, weeks: int) -> Table:
    table = Table(
        title=f"Recommended budget, next {weeks} weeks",
        title_justify="left",
        show_footer=True,
        box=SIMPLE_HEAD,
    )
    table.add_column("channel", footer="all", no_wrap=True)
    current, recommended = budget["current_spend"].sum(), budget["recommended_spend"].sum()
    gain = budget["recommended_revenue"].sum() - budget["current_revenue"].sum()
    table.add_column("spent last", justify="right", footer=f"{current:,.0f}")
    table.add_column("spend next", justify="right", footer=f"{recommended:,.0f}")
    table.add_column("change", justify="right", footer=f"{round(recommended / current - 1, 4) + 0.0:+.0%}")
    table.add_column("revenue change", justify="right", footer=f"{gain:+,.0f}")
    table.add_column("mROI", justify="right")
    for row in budget.itertuples():
        change = row.recommended_spend / row.current_spend - 1 if row.current_spend else 0.0
        table.add_row(
            row.channel,
            f"{row.current_spend:,.0f}",
            f"{row.recommended_spend:,.0f}",
            f"{change:+.0%}",
            f"{row.recommended_revenue - row.current_revenue:+,.0f}",
            f"{row.mroi:.2f}",
        )
    return table


def show_review(console: Console, review: pd.DataFrame) -> None:
    failed = review[~review["passed"]]
    blocked = failed[failed["severity"] == "ERROR"]
    verdict = (
        "[red]failed: not promoted, not published[/]"
        if len(blocked)
        else "[green]passed: promoted and published[/]"
    )
    console.print(f"Review {verdict} [dim]({len(review) - len(failed)} of {len(review)} checks passed)[/]")
    for row in failed.itertuples():
        colour = "red" if row.severity == "ERROR" else "yellow"
        console.print(f"  [{colour}]{row.check_name}[/]: {row.message}", markup=True)


def show_places(console: Console) -> None:
    paths = env.paths()
    table = Table(title="Where things are", title_justify="left", show_header=False, box=None)
    table.add_row("marts to query, read-only", str(paths.published / "current" / "marts.duckdb"))
    table.add_row("warehouse", str(paths.warehouse))
    table.add_row("posteriors", str(paths.posteriors))
    table.add_row("MLflow", env.mlflow_uri())
    table.add_row("graph, runs and checks", "make ui")
    console.print(table)
