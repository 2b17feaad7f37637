"""What the `mmm` command prints: rich tables of summaries, curves, budgets and verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mmm_core.budget.change import amount, change_in_words, ended_early, percent
from mmm_core.budget.marginal_unit import NET, POINTS, RISK_ADJUSTED, marginal_unit
from mmm_core.data.weeks import week_heading
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from mmm_core.budget.allocation import Allocation
    from mmm_core.diagnostics.engine_comparison import EngineComparison
    from mmm_core.diagnostics.identifiability import Identification
    from mmm_core.diagnostics.loo import Loo
    from mmm_core.diagnostics.sensitivity import Sensitivity
    from mmm_core.forecast.backtest import Backtest
    from mmm_core.review import CheckResult
    from mmm_core.selection.selection import Selection
    from mmm_core.spec.model_spec import ModelSpec


INTERVAL = "90 % interval"
P_VALUE = "p"


class _Figures:
    """A quiet table whose first column is text and whose others are figures, never cut: what does not fit goes below.

    Columns of `text` may wrap, and headers where there is no room; an interval and a p-value stay beside the
    figure they are of, and the first columns, where they are text, say again what a row below is of.
    """

    def __init__(self, title: str, *columns: str, text: Iterable[str] = ()) -> None:
        self.title, self.columns, self.text = title, list(columns), {columns[0], *text}
        self.rows: list[tuple[str, ...]] = []
        self.sections: set[int] = set()

    def add_column(self, header: str) -> None:
        self.columns.append(header)

    def add_row(self, *cells: str) -> None:
        self.rows.append(cells)

    def add_section(self) -> None:
        self.sections.add(len(self.rows) - 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def fits(table: Table) -> bool:
            return Measurement.get(console, options.update(width=10_000), table).minimum <= options.max_width

        everything = range(len(self.columns))
        if fits(whole := self._part(everything, self.title, narrow=False)):
            yield whole
            return
        names = [position for position in everything[:2] if self.columns[position] in self.text]
        title, shown = self.title, names
        for group in self._groups(len(names)):
            if len(shown) > len(names) and not fits(self._part([*shown, *group], title, narrow=True)):
                yield self._part(shown, title, narrow=True)
                title, shown = "", names
            shown = [*shown, *group]
        yield self._part(shown, title, narrow=True)

    def _groups(self, first: int) -> list[list[int]]:
        """Columns from a first one on that stay together."""
        groups: list[list[int]] = []
        for position, column in enumerate(self.columns[first:], start=first):
            if column in (INTERVAL, P_VALUE) and groups:
                groups[-1].append(position)
            else:
                groups.append([position])
        return groups

    def _part(self, positions: Iterable[int], title: str, narrow: bool) -> Table:
        table = Table(box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
        table.title = title or None
        some = list(positions)
        for position in some:
            header = self.columns[position]
            if header in self.text:
                table.add_column(header)
                continue
            width = max([1, *(_width(cells[position]) for cells in self.rows)])
            if narrow:
                width = max(width, *map(_width, header.split()))
                header = "\n".join(wrap(header, width, break_long_words=False))
            width = max(width, *map(_width, header.split("\n")))
            table.add_column(header, justify="right", no_wrap=True, min_width=width)
        for number, cells in enumerate(self.rows):
            table.add_row(*(cells[position] for position in some), end_section=number in self.sections)
        return table


def _marked_up(markup: str) -> Text:
    """Text of Rich's markup, in which `:x:` is what a user named and no emoji."""
    return Text.from_markup(markup, emoji=False)


def _width(markup: str) -> int:
    return _marked_up(markup).cell_len


def sampling(facts: dict[str, Any]) -> RenderableType:
    """How the fit went, from a summary; how the chains mixed where the engine has any."""
    geos = f" x {plural(facts['geos'], 'geo')}" if facts["geos"] > 1 else ""
    lines = [
        f"[bold]{escape(facts['model'])}[/]: {plural(facts['weeks'], 'week')}{geos}, "
        f"{'one chain' if facts['chains'] == 1 else plural(facts['chains'], 'chain')} x "
        f"{plural(facts['draws'], 'draw')}",
        f"compilation {facts['compile_seconds']:.1f} s, sampling {facts['sampling_seconds']:.1f} s, "
        f"all {facts['total_seconds']:.1f} s",
    ]
    if not facts["approximate"]:  # without chains there is nothing to judge them by
        lines.append(
            f"R-hat {_figure(facts['rhat_max'], '.4f')}, bulk ESS {_figure(facts['ess_bulk_min'], ',.0f')}, "
            f"tail ESS {_figure(facts['ess_tail_min'], ',.0f')}, {plural(facts['divergences'], 'divergence')}"
        )
    return Group(*(_marked_up(line) for line in lines))


def _figure(value: float | None, form: str) -> str:
    return "not defined" if value is None else format(value, form)


def _cost(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share in per cent, "-" where it does not exist."""
    return "-" if value is None or value != value else f"{value:.1%}"


def returns(facts: dict[str, Any]) -> RenderableType:
    """Return of each channel, from a summary; first what a unit costs, where the KPI is not revenue.

    Without revenue returns are units of the KPI for a unit of spend, often few: three digits, not two decimals.
    """
    costs, form = facts.get("cpik"), ".2f" if facts["outcome"] == "revenue" else ".3g"
    cost_columns = ("cost per KPI unit", INTERVAL) if costs else ()
    table = _Figures(
        f"\nReturn by channel: ROI in {escape(facts['returns'])}", "channel", "spend", *cost_columns, "ROI", INTERVAL,
        "mROI", "contribution", "share",
    )  # fmt: skip
    for channel, contribution in facts["contribution"].items():
        paid = channel in facts["roi"]
        roi, cost = facts["roi"].get(channel, {}), (costs or {}).get(channel)
        ends = [cost[end] for end in ("q05", "q95") if cost[end] is not None] if cost else []
        interval = " to ".join(map(_cost, ends)) if len(ends) == 2 else ""
        table.add_row(
            escape(channel),
            f"{facts['spend'][channel]['mean']:,.0f}" if paid else "organic",
            *(
                ("not defined" if cost["median"] is None else _cost(cost["median"]), interval)
                if cost
                else [""] * len(cost_columns)
            ),
            f"{roi['mean']:{form}}" if paid else "",
            f"{roi['q05']:{form}} to {roi['q95']:{form}}" if paid else "",
            f"{facts['mroi'][channel]['mean']:{form}}" if paid else "",
            f"{contribution['mean']:,.0f}",
            share(facts["contribution_share"][channel]["mean"]),
        )
    return table


def curves(table: pd.DataFrame) -> RenderableType:
    """Expected outcome at a few multiples of each channel's last spend."""
    shown = [x for x in (0.0, 0.5, 1.0, 1.5, 2.0) if (table["multiplier"] - x).abs().min() < 1e-9 and x > 0]
    outcome = escape(table.attrs.get("outcome", "revenue"))
    out = _Figures(f"Incremental {outcome} by multiple of the last period's spend", "channel", "spend at 1x")
    for multiple in shown:
        out.add_column(f"{multiple:g}x")
    for channel, rows in table.groupby("channel", sort=False):
        revenue = {x: rows.loc[(rows["multiplier"] - x).abs() < 1e-9, "mean"].iloc[0] for x in shown}
        once = rows.loc[(rows["multiplier"] - 1).abs() < 1e-9, "spend"]
        out.add_row(escape(str(channel)), *map(amount, [*once, *revenue.values()]))
    return Group(out, *(Text(note, style="yellow") for note in table.attrs.get("off", {}).values()))


HEADINGS = {NET: "mROI, net", RISK_ADJUSTED: "risk-adj. mROI"}
"""Of the marginal return, where it is none of plain outcome."""


def allocation(found: Allocation) -> RenderableType:
    """A recommended budget and its certificate."""
    unit = marginal_unit(found.marginal_in, found.channels["mroi"].to_numpy(dtype=float))
    form = ".2f" if found.outcome == "revenue" and unit.name != POINTS else ".3g"
    heading = (
        f"% points per {amount(unit.per)}" if unit.name == POINTS else HEADINGS.get(found.marginal_in, "mROI")
    )
    table = _Figures(
        f"Budget for the next {plural(found.weeks, 'week')}", "channel", "current", "recommended", "change",
        escape(found.outcome), INTERVAL, heading,
    )  # fmt: skip
    for row in found.channels.to_dict("records"):
        current, recommended = row["current_spend"], row["recommended_spend"]
        low, high = row["recommended_revenue_q05"], row["recommended_revenue_q95"]
        table.add_row(
            escape(row["channel"]), amount(current), amount(recommended), change_in_words(current, recommended),
            amount(row["recommended_revenue"]), f"{amount(low)} to {amount(high)}",
            _marginal(unit.scale * unit.per * row["mroi"], form),
        )  # fmt: skip
    table.add_section()
    table.add_row(
        "total", amount(found.current_total), amount(found.total),
        change_in_words(found.current_total, found.total),
        amount(found.recommended_revenue), "", "",
    )  # fmt: skip
    if found.words:
        gain = (
            f"{found.gain_in} more than with the current plan as it was: {amount(found.gain)} "
            f"(90 % interval {amount(found.gain_q05)} to {amount(found.gain_q95)}; better with probability "
            f"{percent(found.probability_better)})"
        )
        remarks = [Text(note, style="yellow") for note in found.channels["note"] if note]
        return Group(table, *remarks, *(Text(line) for line in (gain, *found.words)))
    within = f"{found.gap:.2%}" if found.gap >= 1e-4 else "0.01%"
    lines = [
        f"gain over the current mix at this total: [bold]{amount(found.gain)}[/] "
        f"(90 % interval {amount(found.gain_q05)} to {amount(found.gain_q95)}; better with probability "
        f"{percent(found.probability_better)})",
        "certificate: on the channels' mean curves over the posterior draws used, no plan within the bounds brings "
        f"more than {amount(found.bound)}; this one is within {within} of that",
    ]
    if found.stopped_early:
        lines.append(escape(ended_early(found.stopped_early)))
    notes = [Text(note, style="yellow") for note in found.channels["note"] if note]
    return Group(table, *notes, *(_marked_up(line) for line in lines), *(Text(line) for line in found.prices))


def _marginal(value: float, form: str) -> str:
    """A marginal figure; nothing has no sign, and what is not known no figure."""
    text = "" if value != value else f"{value:{form}}"
    return text if any(letter in "123456789" for letter in text) else text.lstrip("-")


def verdicts(found: Iterable[CheckResult]) -> RenderableType:
    """A review, a line a check, the failed ones said at the end; "none" where a check had nothing to look at."""
    found = tuple(found)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "check", "finding"):
        table.add_column(column, no_wrap=column != "finding")
    for result in found:
        if result.passed:
            mark = "[dim]none[/]" if math.isnan(result.figure) else "[green]pass[/]"
        else:
            mark = "[bold red]fail[/]" if result.severity == "ERROR" else "[yellow]warn[/]"
        table.add_row(mark, result.name, escape(result.message))
    errors = [result.name for result in found if not result.passed and result.severity == "ERROR"]
    warned = sum(not result.passed and result.severity != "ERROR" for result in found)
    if errors:
        last = f"[bold red]not fit for use:[/] {', '.join(errors)}"
    else:
        last = "[green]fit for use[/]" + (f", {plural(warned, 'warning')}" if warned else "")
    return Group(table, _marked_up(last))


def priors(table: pd.DataFrame, words: Iterable[str]) -> RenderableType:
    """What the priors imply."""
    out = _Figures("What the priors alone say", "channel", "ROI", INTERVAL, "share of outcome", INTERVAL)
    for row in table.to_dict("records"):
        known = row["roi_mean"] == row["roi_mean"]  # nan for organic media and the total
        out.add_row(
            escape(row["channel"]),
            f"{row['roi_mean']:.2f}" if known else "",
            f"{row['roi_q05']:.2f} to {row['roi_q95']:.2f}" if known else "",
            share(row["share_mean"]),
            ""
            if row["share_mean"] != row["share_mean"]
            else f"{row['share_q05']:.1%} to {row['share_q95']:.1%}",
        )
    return Group(out, *(Text(line) for line in words))


def forecast(total: xr.Dataset, spec: ModelSpec, assumed: Iterable[str], outside: str = "") -> RenderableType:
    """The KPI of the weeks to come, geos summed, what was assumed of them, and what is far outside anything seen."""
    out = _Figures(f"Forecast of {escape(spec.kpi.column)}", week_heading(spec), "median", "mean", INTERVAL)
    for week in total["week"].to_numpy():
        row = total.sel(week=week)
        interval = f"{float(row['q05']):,.0f} to {float(row['q95']):,.0f}"
        out.add_row(str(week)[:10], f"{float(row['median']):,.0f}", f"{float(row['mean']):,.0f}", interval)
    said = [Text(f"the forecast is {outside}", style="red")] if outside else []
    return Group(out, *(Text(f"assumed: {line}") for line in assumed), *said)


def backtest(found: Backtest) -> RenderableType:
    """Scores by origin and pooled."""
    table = _Figures(
        "Forecasts of weeks not seen", "from", "forecast", "CRPS", "skill", "MAPE", "in 50 %", "in 90 %", "in 95 %",
        text=("forecast",),
    )  # fmt: skip
    last = None
    for row in found.table.to_dict("records"):
        if last not in (None, row["origin"]):
            table.add_section()
        skill = "" if row["skill"] != row["skill"] else f"{row['skill']:+.0%}"
        error = "" if row["skill_se"] != row["skill_se"] else f" ± {row['skill_se']:.0%}"
        table.add_row(
            row["origin"] if row["origin"] != last else "",
            escape(row["forecast"]),
            score(row["crps"]),
            (f"[red]{skill}[/]" if skill.startswith("-") else skill) + error,
            f"{row['mape']:.1%}",
            *(f"{row[f'coverage_{q}']:.0%}" for q in (50, 90, 95)),
        )
        last = row["origin"]
    outside = [Text(line, style="red") for line in found.outside.splitlines()]
    return Group(table, Text(found.words), *outside)


def selection(found: Selection) -> RenderableType:
    """Specifications by their scores, those that could not be fitted, and what it comes to."""
    table = _Figures(
        "Which specification, by its forecasts of weeks not seen",
        "model", "CRPS", "from the best", "verdict", "LOO, from the best", "MAPE", "in 90 %", "unknowns",
        text=("verdict",),
    )  # fmt: skip
    doubts = []
    for row in found.table.to_dict("records"):
        if row["reason"]:
            doubts.append(Text(f"{row['model']} could not be scored: {row['reason']}", style="red"))
            continue
        best = row["verdict"] == "best"
        difference = "" if best else with_error(row["difference"], row["difference_se"], "+.1%", ".1%")
        elpd = with_error(row["elpd_difference"], row["elpd_difference_se"], "+,.1f", ".1f")
        table.add_row(
            f"[bold]{escape(row['model'])}[/]" if row["recommended"] else escape(row["model"]),
            score(row["crps"]),
            difference,
            row["verdict"],
            ("" if best else elpd) + ("?" if row["unreliable"] and elpd and not best else ""),
            f"{row['mape']:.1%}",
            f"{row['coverage_90']:.0%}",
            str(int(row["unknowns"])),
        )
        if row["note"]:
            doubts.append(Text(f"{row['model']}: {row['note']}", style="yellow"))
    return Group(table, *doubts, *(Text(line) for line in found.words))


def with_error(value: float, error: float, form: str, error_form: str) -> str:
    """A figure with its standard error, as far as they exist."""
    if value != value:
        return ""
    return f"{value:{form}}" + (f" ± {error:{error_form}}" if error == error else "")


def score(crps: float) -> str:
    """A CRPS in units of the KPI."""
    return f"{crps:,.4g}" if crps < 1000 else f"{crps:,.0f}"


def sensitivity(found: Sensitivity) -> RenderableType:
    """Change of each mean ROI by group of priors, and the diagnosis."""
    table = _Figures("Change of the mean ROI when a component is raised to the power 0.8 / 1.25", "channel")
    components = list(dict.fromkeys(found.table["component"]))
    for component in components:
        table.add_column(escape(component))
    by = found.table.set_index(["channel", "component"]).to_dict("index")

    def cell(channel: str, component: str) -> str:
        figures = by.get((channel, component))
        if figures is None:
            return ""
        text = f"{figures['weaker']:+.0%} / {figures['stronger']:+.0%}".replace("-0%", "0%").replace(
            "+0%", "0%"
        )
        text += "?" if figures["khat"] > 0.7 else ""
        return f"[yellow]{text}[/]" if figures["sensitive"] else text

    for channel in found.diagnosis:
        table.add_row(escape(channel), *(cell(channel, component) for component in components))
    legend = "yellow: the whole distribution moves, by more than chance; ?: k-hat above 0.7, rough"
    return Group(table, Text(legend, style="dim"), *(Text(line) for line in found.diagnosis.values()))


def loo(name: str, found: Loo) -> RenderableType:
    """One model's estimate."""
    return _marked_up(f"[bold]{escape(name)}[/]: {escape(found.message)}")


def comparison(table: pd.DataFrame) -> RenderableType:
    """Models side by side."""
    out = _Figures(
        "\nWhich predicts better", "model", "elpd", "difference", "its error", "parameters", "verdict",
        text=("verdict",),
    )  # fmt: skip
    for row in table.to_dict("records"):
        out.add_row(
            escape(row["model"]) + (" (approximate)" if row["approximate"] else ""),
            f"{row['elpd']:,.1f}",
            f"{row['difference']:,.1f}" if row["difference"] else "",
            f"{row['difference_se']:,.1f}" if row["difference"] else "",
            f"{row['p_loo']:.1f}",
            escape(row["verdict"]),
        )
    return out


def engines(found: EngineComparison) -> RenderableType:
    """Engines side by side on each channel, their fits and the simple forecasts below, and what it comes to."""
    fitted = list(dict.fromkeys(found.returns["engine"]))
    columns = [column for engine in fitted for column in (escape(engine), INTERVAL)]
    returns = _Figures(f"{found.model}: {found.returns_in}, by engine", "channel", *columns)
    forecast = (f"CRPS of {plural(found.holdout_weeks, 'week')}", "in 90 %") if found.holdout_weeks else ()
    fits = _Figures(
        "\nFit, forecast and cost", "engine", "R2", "MAPE", *forecast, "seconds", "R-hat", "min ESS"
    )
    for channel, rows in found.returns.groupby("channel", sort=False):
        cells = [
            (f"{row['mean']:.2f}", f"{row['q05']:.2f} to {row['q95']:.2f}") for row in rows.to_dict("records")
        ]
        returns.add_row(escape(str(channel)), *(cell for pair in cells for cell in pair))
    for row in found.table.to_dict("records"):
        name = escape(row["engine"])
        if row["reason"]:
            fits.add_row(f"{name} (not fitted)", *[""] * (5 + len(forecast)))
            continue
        scores = (_known(row["crps"], score), _known(row["coverage_90"], "{:.0%}".format))
        fits.add_row(
            name + (" (approximate)" if row["approximate"] else ""),
            _known(row["r2"], "{:.2f}".format),
            _known(row["mape"], "{:.1%}".format),
            *(scores if forecast else ()),
            _known(row["seconds"], "{:,.0f}".format),
            _known(row["rhat"], "{:.4g}".format),
            _known(row["ess_bulk"], "{:,.0f}".format),
        )
    for name, crps in found.simple.items():
        if crps == crps:
            fits.add_row(f"({escape(name)})", "", "", score(crps), *[""] * 4)
    return Group(returns, fits, *(Text(sentence) for sentence in found.words))


def identification(found: Iterable[Identification]) -> RenderableType:
    """Figures of each channel, and a sentence each."""
    found = tuple(found)
    table = _Figures(
        "What the data could tell", "channel", "contraction", "most like", "correlation", "with baseline",
        "variance inflation", "weeks changed",
        text=("most like",),
    )  # fmt: skip
    for channel in found:
        table.add_row(
            escape(channel.channel), _number(channel.contraction),
            escape(channel.rival), _number(channel.rival_correlation), _number(channel.baseline_correlation),
            f"{channel.inflation:,.1f}", f"{channel.changed} of {channel.weeks}",
        )  # fmt: skip
    return Group(table, *(Text(channel.sentence) for channel in found))


def _known(value: float, form: Callable[[float], str]) -> str:
    """A figure in a form; "" where there is none."""
    return "" if value != value else form(value)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}".replace("-0.00", "0.00")
