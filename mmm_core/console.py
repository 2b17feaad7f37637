"""What the `mmm` command prints: rich tables of summaries, curves, budgets and verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.allocation import Allocation
    from mmm_core.review import CheckResult


def _table(title: str, *columns: str) -> Table:
    """A quiet table whose first column is text and whose others are numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right", no_wrap=position == 0)
    return table


def sampling(facts: dict[str, Any]) -> RenderableType:
    """How the fit went, from a summary."""
    geos = f" x {facts['geos']} geos" if facts["geos"] > 1 else ""
    lines = [
        f"[bold]{escape(facts['model'])}[/]: {facts['weeks']} weeks{geos}, "
        f"{facts['chains']} chains x {facts['draws']:,} draws",
        f"compilation {facts['compile_seconds']:.1f} s, sampling {facts['sampling_seconds']:.1f} s, "
        f"all {facts['total_seconds']:.1f} s",
        f"R-hat {_figure(facts['rhat_max'], '.4f')}, bulk ESS {_figure(facts['ess_bulk_min'], ',.0f')}, "
        f"tail ESS {_figure(facts['ess_tail_min'], ',.0f')}, {facts['divergences']} divergences",
    ]
    return Group(*(Text.from_markup(line) for line in lines))


def _figure(value: float | None, form: str) -> str:
    return "not defined" if value is None else format(value, form)


def returns(facts: dict[str, Any]) -> RenderableType:
    """Return of each channel, from a summary."""
    table = _table(
        "\nReturn by channel", "channel", "spend", "ROI", "90 % interval", "mROI", "contribution", "share"
    )
    for channel, contribution in facts["contribution"].items():
        paid = channel in facts["roi"]
        roi = facts["roi"].get(channel, {})
        table.add_row(
            escape(channel),
            f"{facts['spend'][channel]['mean']:,.0f}" if paid else "organic",
            f"{roi['mean']:.2f}" if paid else "",
            f"{roi['q05']:.2f} to {roi['q95']:.2f}" if paid else "",
            f"{facts['mroi'][channel]['mean']:.2f}" if paid else "",
            f"{contribution['mean']:,.0f}",
            f"{facts['contribution_share'][channel]['mean']:.1%}",
        )
    return table


def curves(table: pd.DataFrame) -> RenderableType:
    """Expected revenue at a few multiples of each channel's last spend."""
    shown = [x for x in (0.0, 0.5, 1.0, 1.5, 2.0) if (table["multiplier"] - x).abs().min() < 1e-9 and x > 0]
    out = _table("Incremental revenue by multiple of the last period's spend", "channel", "spend at 1x")
    for multiple in shown:
        out.add_column(f"{multiple:g}x", justify="right")
    for channel, rows in table.groupby("channel", sort=False):
        revenue = {x: rows.loc[(rows["multiplier"] - x).abs() < 1e-9, "mean"].iloc[0] for x in shown}
        once = rows.loc[(rows["multiplier"] - 1).abs() < 1e-9, "spend"]
        out.add_row(escape(str(channel)), *(f"{x:,.0f}" for x in [*once, *revenue.values()]))
    return out


def allocation(plan: Allocation) -> RenderableType:
    """A recommended budget and its certificate."""
    table = _table(
        f"Budget for the next {plan.weeks} weeks", "channel", "current", "recommended", "change", "revenue",
        "90 % interval", "mROI",
    )  # fmt: skip
    for row in plan.channels.to_dict("records"):
        current, recommended = row["current_spend"], row["recommended_spend"]
        change = f"{recommended / current - 1:+.0%}" if current > 0 else "off"
        low, high = row["recommended_revenue_q05"], row["recommended_revenue_q95"]
        table.add_row(
            escape(row["channel"]), f"{current:,.0f}", f"{recommended:,.0f}", change,
            f"{row['recommended_revenue']:,.0f}", f"{low:,.0f} to {high:,.0f}",
            f"{row['mroi']:.2f}" if current > 0 else "",
        )  # fmt: skip
    table.add_section()
    table.add_row(
        "total", f"{plan.current_total:,.0f}", f"{plan.total:,.0f}", f"{plan.total / plan.current_total - 1:+.0%}",
        f"{plan.recommended_revenue:,.0f}", "", "",
    )  # fmt: skip
    within = f"{plan.gap:.2%}" if plan.gap >= 1e-4 else "0.01%"
    lines = [
        f"gain over the current mix at this total: [bold]{plan.gain:,.0f}[/] "
        f"(90 % interval {plan.gain_q05:,.0f} to {plan.gain_q95:,.0f}; better with probability "
        f"{plan.probability_better:.0%})",
        f"certificate: no plan within the bounds brings more than {plan.bound:,.0f}; this one is within {within}",
    ]
    return Group(table, *(Text.from_markup(line) for line in lines))


def verdicts(found: Iterable[CheckResult]) -> RenderableType:
    """A review, a line a check, the failed ones said at the end."""
    found = tuple(found)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "check", "finding"):
        table.add_column(column, no_wrap=column != "finding")
    for result in found:
        if result.passed:
            mark = "[green]pass[/]"
        else:
            mark = "[bold red]fail[/]" if result.severity == "ERROR" else "[yellow]warn[/]"
        table.add_row(mark, result.name, escape(result.message))
    errors = [result.name for result in found if not result.passed and result.severity == "ERROR"]
    warned = sum(not result.passed and result.severity != "ERROR" for result in found)
    if errors:
        last = f"[bold red]not fit for use:[/] {', '.join(errors)}"
    else:
        last = "[green]fit for use[/]" + (f", {warned} warning{'s' * (warned > 1)}" if warned else "")
    return Group(table, Text.from_markup(last))
