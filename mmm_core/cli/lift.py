"""`mmm lift`: the read-out of a geo experiment from its panel, and the lift test it makes."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.contents import keep
from mmm_core.cli.terminal import Folder, busy, reported
from mmm_core.cli.terminal import out as screen
from mmm_core.json_text import dumps
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.evidence.lift_test import TestedSpend
    from mmm_core.readout.record import Readout


class Marks(StrEnum):
    """What a date of the panel marks."""

    start = "start"
    end = "end"


class Augment(StrEnum):
    """What mends the imbalance that weights leave."""

    none = "none"
    ridge = "ridge"


class Measures(StrEnum):
    """What the outcome is, for the lift test."""

    revenue = "revenue"
    kpi = "kpi"


@reported
def lift(
    panel: Annotated[Path, typer.Option("--panel", help="a row a geo and period, CSV or Parquet")],
    treated: Annotated[
        list[str],
        typer.Option(
            "--treated", help="geos, a,b,c; of several cells once each: --treated social=a,b --treated tv=c"
        ),
    ],
    window: Annotated[
        str, typer.Option("--window", help="first and last day something differed, 2021-04-01:2021-04-15")
    ],
    pre: Annotated[
        int | None, typer.Option(help="periods before the window to learn from; default all")
    ] = None,
    post: Annotated[int, typer.Option(min=0, help="further periods that count, for carry-over")] = 0,
    outcome: Annotated[str, typer.Option(help="column of the outcome")] = "Y",
    geo: Annotated[str, typer.Option(help="column of the geo")] = "location",
    time: Annotated[str, typer.Option(help="column of the date, daily or weekly")] = "date",
    marks: Annotated[Marks, typer.Option(help="which day of its period a date is")] = Marks.start,
    exclude: Annotated[str, typer.Option(help="geos not to compare with, a,b,c")] = "",
    level: Annotated[float, typer.Option(min=0.5, max=0.99, help="of the intervals")] = 0.9,
    augment: Annotated[
        Augment, typer.Option(help="`ridge` mends a poor fit before the window")
    ] = Augment.none,
    spend: Annotated[
        list[str] | None,
        typer.Option(
            "--spend",
            help="CHANNEL=WITH:WITHOUT the test in its geos and days; writes a lift test; once a cell",
        ),
    ] = None,
    measures: Annotated[
        Measures, typer.Option(help="whether the outcome is revenue or units")
    ] = Measures.revenue,
    currency: Annotated[str, typer.Option(help="of spend and revenue, such as USD")] = "",
    market: Annotated[str, typer.Option(help="of the lift test, as the landing folder asks for it")] = "",
    test_id: Annotated[str, typer.Option(help="name of the lift test; default channel and first day")] = "",
    out: Folder = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON in place of the table")] = False,
) -> None:
    """Read a geo experiment: its lift by synthetic control with intervals, and a lift test to calibrate by."""
    from mmm_core.readout.experiment import design, parse_cells, parse_geos, parse_window

    cells, days = parse_cells(treated), parse_window(window)
    spends = parse_spends(spend or [], len(cells))
    with busy("Reading the experiment"):
        from mmm_core.readout.panel import read_panel
        from mmm_core.readout.read_out import read_out

        found = read_panel(panel, outcome, geo, time, marks.value)
        plan = design(found, cells, days, pre, post, parse_geos(exclude), level)
        readouts = read_out(found, plan, level, augment.value)
        tests = lift_tests(readouts, spends, test_id, measures.value, currency, market)
    facts = {"panel": found.source, "donors": plan.donors, "cells": [asdict(readout) for readout in readouts]}
    if json:
        typer.echo(dumps(facts, indent=2))
    else:
        from mmm_core.cli.console_lift import lift as shown

        screen.print(shown(readouts, len(plan.donors)))

    def picture() -> Any:
        from mmm_core.plots.lift import lift as drawn

        return drawn(readouts)

    files = {"lift.json": facts, "lift_periods.csv": periods(readouts), "lift.png": picture}
    if tests is not None:
        files["lift_tests.csv"] = tests
    if not json:
        keep(out, files)
    elif out is not None:
        from contextlib import redirect_stdout
        from sys import stderr

        with redirect_stdout(stderr):
            keep(out, files)
    if tests is None and out is not None and not json:
        screen.print(
            "no lift test written: state what was spent, --spend CHANNEL=WITH:WITHOUT", soft_wrap=True
        )


def parse_spends(texts: list[str], cells: int) -> list[dict[str, TestedSpend]]:
    """Spend of each cell: of a single cell all channels, of several one each, in their order; empty without any.

    Raises:
        InputError: text that is no such spend, a channel twice, or not one a cell.
    """
    from mmm_core.errors import InputError, shown
    from mmm_core.evidence.lift_test import TestedSpend

    found = []
    for text in texts:
        channel, _, amounts = text.rpartition("=")
        try:
            actual, without = (float(amount) for amount in amounts.split(":"))
            if not channel.strip() or not 0 <= min(actual, without) <= max(actual, without) < float("inf"):
                raise ValueError
        except ValueError:
            raise InputError(
                f"--spend {shown(text)}: write the channel, what was spent and what would have been without the test, "
                "0 or more: tv=50000:0"
            ) from None
        found.append((channel.strip(), TestedSpend(actual, without)))
    if not found:
        return []
    if cells == 1:
        if len(dict(found)) < len(found):
            raise InputError("--spend names a channel twice: name each once")
        return [dict(found)]
    if len(found) != cells:
        raise InputError(
            f"--spend is there {plural(len(found), 'time')} for {plural(cells, 'cell')}: once a cell, in their order"
        )
    return [{channel: amounts} for channel, amounts in found]


def lift_tests(
    readouts: tuple[Readout, ...],
    spends: list[dict[str, TestedSpend]],
    test_id: str,
    measures: Any,
    currency: str,
    market: str,
) -> pd.DataFrame | None:
    """A table of lift tests, one a cell; None where no spend was stated."""
    if not spends:
        return None
    import pandas as pd

    from mmm_core.readout.as_evidence import lift_test, row

    rows = []
    for readout, amounts in zip(readouts, spends, strict=True):
        name = test_id or f"{'-'.join(amounts)}-{readout.start}"
        if len(readouts) > 1:
            name = f"{name}-{readout.cell}"
        rows.append(row(lift_test(readout, name, amounts, measures, currency), readout, market))
    return pd.DataFrame(rows)


def periods(readouts: tuple[Readout, ...]) -> pd.DataFrame:
    """A row a cell and period: observed, expected, effect and its interval, summed over the geos of the cell."""
    import pandas as pd

    rows = [{"cell": readout.cell, **asdict(period)} for readout in readouts for period in readout.periods]
    return pd.DataFrame(rows)
