"""What `mmm lift` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mmm_core.plural import plural

if TYPE_CHECKING:
    from mmm_core.readout.record import Readout

SHOWN_DONORS = 8


def lift(readouts: Sequence[Readout], donors: int) -> RenderableType:
    """Every cell: what it did, how surely, compared with what, and why it may not be believed."""
    return Group(*(part for readout in readouts for part in _cell(readout, donors)))


def _cell(found: Readout, donors: int) -> list[RenderableType]:
    name = "" if found.cell == "treated" else f"{found.cell}: "
    counted = f", counted until {found.last_measured}" if found.last_measured > found.end else ""
    level = f"{found.level:.0%}".replace("%", " %")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in ("estimate", f"{level} interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for label, form, values in (
        (
            f"incremental {found.outcome}",
            amount,
            (found.incremental, found.incremental_low, found.incremental_high),
        ),
        ("lift", percent, (found.lift, found.lift_low, found.lift_high)),
        (f"effect per geo and {found.unit}", amount, (found.att, found.att_low, found.att_high)),
        (
            "time-based regression, incremental",
            amount,
            (found.regression.incremental, found.regression.low, found.regression.high),
        ),
    ):
        table.add_row(Text(label), form(values[0]), f"{form(values[1])} to {form(values[2])}")
    in_time, in_space = found.standard_error_in_time, found.standard_error_in_space
    weights = list(found.weights.items())
    more = f" and {len(weights) - SHOWN_DONORS} more" if len(weights) > SHOWN_DONORS else ""
    sure = "more than chance" if found.incremental_low > 0 or found.incremental_high < 0 else "may be chance"
    tested = found.conformal
    return [
        Text(f"{name}{', '.join(found.geos)}", style="bold"),
        Text(
            f"{found.start} to {found.end}{counted}: {plural(found.measured, found.unit)}, learned from {found.pre} "
            f"before them and {plural(donors, 'geo')}"
        ),
        table,
        Text(
            f"The effect {'is ' if sure.startswith('more') else ''}{sure}: p-value {found.p_value:.2g}, standard error "
            f"{amount(found.standard_error)} (placebos in time {amount(in_time)}, in space {amount(in_space)})."
        ),
        Text(
            f"Conformal: p-value {tested.p_value:.2g}, {level} interval {amount(tested.low)} to {amount(tested.high)}."
        ),
        Text(
            f"Before the window: scaled L2 imbalance {found.fit.scaled_l2_imbalance:.2f}, error "
            f"{percent(found.fit.mape)} ({percent(found.fit.held_out_mape)} where {found.unit}s were held out)."
        ),
        Text(
            "Compared with "
            + ", ".join(f"{donor} {weight:.2f}" for donor, weight in weights[:SHOWN_DONORS])
            + more
            + (", with ridge augmentation." if found.augment == "ridge" else ".")
        ),
        *(Text(f"warning: {warning}", style="yellow") for warning in found.warnings),
        Text(""),
    ]  # fmt: skip


def amount(value: float) -> str:
    """A figure in units of the outcome; an open end in words."""
    if value != value:
        return "unknown"
    if abs(value) == float("inf"):
        return "no end"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def percent(value: float) -> str:
    """A share as per cent."""
    return "unknown" if value != value else f"{100 * value:.1f} %"
