"""What `mmm bvar` prints: returns of short and long term by channel, and whether to believe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.cli.console import INTERVAL, _Figures
from mmm_core.errors import listed
from mmm_core.long_term.identification import SURE, told_from_none
from mmm_core.plural import plural

if TYPE_CHECKING:
    from mmm_core.long_term.plain import Plain
    from mmm_core.long_term.stage import LongTerm


def long_term(found: LongTerm) -> RenderableType:
    """Returns of every channel, by which way they come, and what to keep in mind."""
    table, rule = found.roi(), found.rule
    discount = f", discounted by {rule.discount:.0%} a year" if rule.discount else ""
    title = (
        f"\n{escape(str(found.attrs['model']))}: {found.attrs['returns']}; long term: "
        f"{plural(rule.horizon, 'week')} after the spend{discount}"
    )
    by_way = [*rule.metrics, "direct"]
    figures = _Figures(title, "channel", "short", INTERVAL, "long", INTERVAL, "total", INTERVAL, *by_way)
    for channel, rows in table.groupby("channel", sort=False):
        cells = [escape(str(channel))]
        for effect in ("short", "long", "total"):
            row = rows[(rows["effect"] == effect) & (rows["path"] == "all")].iloc[0]
            cells += [f"{row['median']:.2f}", f"{row['q05']:.2f} to {row['q95']:.2f}"]
        long = rows[rows["effect"] == "long"].set_index("path")
        cells += [f"{long.loc[path, 'median']:.2f}" for path in by_way]
        figures.add_row(*cells)
    said = [
        Text(
            "medians, which do not add up, and 90 % intervals; the last columns: by way of which the long-term effect "
            "enters base sales",
            "dim",
        )
    ]
    unknown = [channel for channel, told in told_from_none(table).items() if not told]
    if unknown:
        said.append(
            Text(
                f"long-term effect not identified: {listed(unknown, len(unknown))}; under {SURE:.0%} of the draws are "
                "on one side of 0, so that the figure is no estimate to act on",
                "yellow",
            )
        )
    severe = found.severe
    above = [Text(f"no figure of these may be read: {words}", "bold red") for words in severe]
    return Group(*above, figures, *said, *(Text(note) for note in found.notes if note not in severe))


def plain(found: Plain) -> RenderableType:
    """Sums of what media bring, or what shocks explain, and the notes."""
    parts: list[RenderableType] = []
    if found.multipliers is not None:
        parts.append(_multipliers(found.multipliers))
    parts.append(_decomposition(found.decomposition))
    if found.forecast is not None:
        parts.append(_forecast(found.forecast))
    return Group(*parts, *(Text(note) for note in found.notes))


def _multipliers(table: pd.DataFrame) -> RenderableType:
    figures = _Figures("What one unit of media brings in sum", "media", "variable", "weeks", "median", INTERVAL,
                       text=("variable", "weeks"))  # fmt: skip
    for row in table.to_dict("records"):
        if pd.isna(row["median"]):  # an effect that stays for good has no sum, as a note says
            continue
        weeks = "all to come" if pd.isna(row["horizon_weeks"]) else f"{row['horizon_weeks']}"
        interval = f"{row['q05']:.3g} to {row['q95']:.3g}"
        figures.add_row(
            escape(row["channel"]), escape(row["response"]), weeks, f"{row['median']:.3g}", interval
        )
    return figures


def _decomposition(table: pd.DataFrame) -> RenderableType:
    last = table[table["horizon_weeks"] == table["horizon_weeks"].max()]
    shocks = list(dict.fromkeys(last["shock"]))
    weeks = int(last["horizon_weeks"].iloc[0])
    title = (
        f"Share of each variable's forecast error {plural(weeks, 'week')} ahead by orthogonal shocks, in the "
        "variables' order"
    )
    figures = _Figures(title, "variable", *(f"by {escape(name)}" for name in shocks))
    for response, rows in last.groupby("response", sort=False):
        shares = rows.set_index("shock")["median"]
        figures.add_row(escape(str(response)), *(f"{shares[name]:.0%}" for name in shocks))
    return figures


def _forecast(table: pd.DataFrame) -> RenderableType:
    figures = _Figures(
        'Forecasts of past weeks beside "as last week"', "variable", "rmse", "as last week", "ratio"
    )
    for row in table.to_dict("records"):
        cells = (f"{row['rmse']:.3g}", f"{row['rmse_random_walk']:.3g}", f"{row['ratio']:.2f}")
        figures.add_row(escape(row["variable"]), *cells)
    return figures
