"""Lift tests from a file or a mart: one row a test, whole, or refused with test, row, column and remedy.

A file is a table as `mmm_core.data.reader` reads one, or a YAML list of tests under the same names, in which lists may
stand for text separated by ';' and mappings by channel for the spend of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmm_core.data.cells import ROW
from mmm_core.data.file_columns import refuse_columns
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError, listed, shown
from mmm_core.evidence.columns import COLUMNS
from mmm_core.evidence.conversions import Estimate, from_cost, from_interval, from_roi
from mmm_core.evidence.lift_test import DESIGNS, OUTCOMES, STATUSES, LiftTest, TestedSpend
from mmm_core.evidence.row import BETWEEN, Row, Rows
from mmm_core.evidence.yaml_list import table_of
from mmm_core.inputs import name_of
from mmm_core.spec.yaml_file import read_yaml

EVERYWHERE = "all"
"""In place of geos: every one of them."""
_WEEKS_AGREE = 0.01  # share by which weekly spend may miss the total it should add up to: rounding
_MOST_WEEKS = 520  # after a test in which its outcome can count
_LEAST_ERROR = 1e-6  # share of an estimate below which its error is none: no outcome is measured so closely
_ESTIMATES = ("incremental_outcome", "roi", "cost_per_target")
_INTERVAL = ("interval_low", "interval_high", "interval_level")


@dataclass(frozen=True)
class Fault:
    """What speaks against one row.

    Attributes:
        test_id: of the test; "" where the row has none.
        place: row of a file or entry of a list.
    """

    test_id: str
    place: str
    text: str

    def __str__(self) -> str:
        return (
            f"{self.place} (test {shown(self.test_id)}): {self.text}"
            if self.test_id
            else f"{self.place}: {self.text}"
        )


@dataclass(frozen=True)
class Reading:
    """What a table holds: the tests that could be read, and what speaks against the others."""

    tests: tuple[LiftTest, ...]
    faults: tuple[Fault, ...]


def read_lift_tests(path: str | Path) -> tuple[LiftTest, ...]:
    """The tests of a file, in its order.

    Raises:
        InputError: a file that cannot be read, a column that is missing or misspelt, or a row that is refused; every
            fault is named with its row, test, column and remedy.
    """
    source = name_of(path)
    yaml = Path(path).suffix.lower() in (".yaml", ".yml")
    table = table_of(read_yaml(path), source) if yaml else read_table(path)
    reading = lift_tests_in(table, source, "entry" if yaml else "row")
    if reading.faults:
        lines = "\n".join(f"  {fault}" for fault in reading.faults)
        raise InputError(f"{source}: lift tests were refused\n{lines}")
    return reading.tests


def lift_tests_in(table: pd.DataFrame, source: str, place: str = ROW) -> Reading:
    """The tests of a table whose columns are those of `mmm_core.evidence.columns`.

    Args:
        table: cells as text or Python values; its index is the row in the file.
        place: what its index counts, for messages.

    Raises:
        InputError: a column that is missing, or nearly named like one.
    """
    refuse_columns(table, COLUMNS, source, "lift tests")
    rows = Rows.of(table)
    tests, faults = [], []
    for position, index in enumerate(table.index):
        row = Row(rows, position)
        test = _test(row)
        if row.faults or test is None:
            faults += [Fault(row.text("test_id"), f"{place} {index}", text) for text in row.faults]
        else:
            tests.append((f"{place} {index}", test))
    repeated = _repeated(tests)
    refused = {test_id for fault in repeated for test_id in [fault.test_id]}
    return Reading(tuple(test for _, test in tests if test.test_id not in refused), (*faults, *repeated))


def _test(row: Row) -> LiftTest | None:
    """The test of a row; None where something speaks against it, which the row then knows."""
    test_id, channels, geos = row.required("test_id"), row.names("channels"), row.names("geos")
    if not channels:
        row.fault("channels", "is blank: name the channels that were tested")
    start, end = row.day("start_date", required=True), row.day("end_date", required=True)
    if start and end and start > end:
        row.fault("end_date", f"{end} is before start_date {start}: put the two the other way round")
    spend = _spend(row, channels)
    share, post_weeks = row.number("population_share"), row.number("post_weeks") or 0.0
    if share is not None and not 0 < share <= 1:
        row.fault("population_share", f"{share:g} is no share: write a number above 0 and up to 1")
    if post_weeks < 0 or post_weeks % 1 or post_weeks > _MOST_WEEKS:
        row.fault(
            "post_weeks", f"{post_weeks:g} is no number of weeks: write 0, 1, 2, ... up to {_MOST_WEEKS}"
        )
    pre_period = row.number("pre_period_error")
    if pre_period is not None and pre_period < 0:
        row.fault("pre_period_error", f"{pre_period:g} is negative: write the mean absolute error as a share")
    outcome, status = row.word("outcome", OUTCOMES) or "revenue", row.word("status", STATUSES)
    design, reported = row.word("design", DESIGNS), row.day("reported_date")
    if not row.text("design"):
        row.fault("design", f"is blank: write one of {', '.join(DESIGNS)}")
    estimate = _estimate(row, spend, outcome)
    if estimate is not None and not estimate.error > _LEAST_ERROR * abs(estimate.value):
        row.fault(
            "standard_error",
            f"comes to {estimate.error:.3g} of an incremental outcome of {estimate.value:.6g}: no test is that free of "
            "error: state the read-out's own",
        )
    if row.faults or estimate is None or start is None or end is None or design is None:
        return None
    test = LiftTest(
        test_id=test_id,
        spend=spend,
        start=start,
        end=end,
        incremental=estimate.value,
        standard_error=estimate.error,
        geos=() if geos in ((), (EVERYWHERE,)) else geos,
        post_weeks=int(post_weeks),
        outcome=outcome,
        share=1.0 if share is None else share,
        currency=row.text("currency").upper(),
        design=design,
        source=row.text("source"),
        reported=reported,
        status=status,
        market=row.text("market"),
        pre_period_error=pre_period,
    )
    if reported and reported < test.end:
        row.fault("reported_date", f"{reported} is before end_date {end}: a test is known once it is over")
        return None
    return test


def _spend(row: Row, channels: tuple[str, ...]) -> dict[str, TestedSpend]:
    """Spend of each channel with and without the test; empty where something speaks against it."""
    totals = {}
    for column in ("spend_with", "spend_without"):
        if not (written := row.required(column)):
            continue
        parts = [part.strip() for part in written.split(BETWEEN)]
        if len(parts) != len(channels):
            row.fault(
                column, f"{len(parts)} amounts for {len(channels)} channels: one for each, separated by ';'"
            )
        elif (amounts := row.amounts(column, parts)) is not None:
            totals[column] = amounts
    weekly = _weekly(row, channels)
    if len(totals) < 2 or weekly is None or not channels:
        return {}
    spend = {
        channel: TestedSpend(actual, without, weekly.get(channel))
        for channel, actual, without in zip(channels, totals["spend_with"], totals["spend_without"], strict=True)
    }  # fmt: skip
    unchanged = [channel for channel, tested in spend.items() if tested.actual == tested.without]
    if unchanged:
        row.fault(
            "spend_without",
            f"is spend_with for {listed(unchanged)}: a test changes spend: state what would have been spent without "
            "it, or leave the channel out",
        )
    for channel, tested in spend.items():
        added_up = sum(tested.weekly_without or ())
        if tested.weekly_without and abs(added_up - tested.without) > _WEEKS_AGREE * max(
            added_up, tested.without
        ):
            row.fault(
                "weekly_spend_without",
                f"adds up to {added_up:g} for {channel}, where spend_without is {tested.without:g}: mend either",
            )
    return spend


def _weekly(row: Row, channels: tuple[str, ...]) -> dict[str, tuple[float, ...]] | None:
    """Weekly spend without the test by channel, where it is stated; None where it cannot be read."""
    written = row.text("weekly_spend_without")
    if not written:
        return {}
    parts = written.split(BETWEEN)
    if len(parts) != len(channels):
        row.fault(
            "weekly_spend_without",
            f"{len(parts)} lists for {len(channels)} channels: one for each, separated by ';', blanks between weeks",
        )
        return None
    out = {}
    for channel, part in zip(channels, parts, strict=True):
        amounts = row.amounts("weekly_spend_without", part.split())
        if amounts is None:
            return None
        if amounts:
            out[channel] = tuple(amounts)
    return out


def _estimate(row: Row, spend: Mapping[str, TestedSpend], measured: str) -> Estimate | None:
    """Incremental outcome and its standard error, whichever way they are stated.

    Args:
        measured: what was measured, revenue or kpi.
    """
    before = len(row.faults)
    values = {column: row.number(column) for column in _ESTIMATES}
    error = row.number("standard_error")
    interval = {column: row.number(column) for column in _INTERVAL}
    stated = [column for column, value in interval.items() if value is not None]
    if len(row.faults) > before:
        return None
    first, *more = [column for column, value in values.items() if value is not None] or [""]
    for column in more:
        row.fault(column, f"is stated beside {first}: leave one of the two blank")
    if first == "cost_per_target" and measured != "kpi":
        row.fault("cost_per_target", "is a cost of units: write kpi in column outcome, or state roi")
    if stated and len(stated) < len(_INTERVAL):
        lacking = [column for column in _INTERVAL if column not in stated]
        row.fault(lacking[0], f"is blank where {stated[0]} is not: an interval is its two ends and its level")
    if error is not None and error <= 0:
        row.fault(
            "standard_error", f"{error:g} is not above 0: no test is free of error: state the read-out's own"
        )
    if error is None and not stated:
        row.fault("standard_error", "is blank: state it, or interval_low, interval_high and interval_level")
    if not first and not stated:
        row.fault("incremental_outcome", "is blank: state it, roi, cost_per_target, or an interval of it")
    if len(row.faults) > before:
        return None
    tested = sum(each.actual - each.without for each in spend.values())
    if first in ("roi", "cost_per_target") and not spend:
        return None  # which is refused already
    try:
        if first == "cost_per_target":
            low, high, level = (float(value or 0.0) for value in interval.values())
            return from_cost(tested, values[first], error, (low, high, level) if stated else None)
        found = _as_stated(row, values.get(first), error, interval if stated else None)
        return from_roi(found, tested) if found is not None and first == "roi" else found
    except InputError as refused:
        row.fault(first, str(refused))
        return None


def _as_stated(
    row: Row, value: float | None, error: float | None, interval: Mapping[str, float | None] | None
) -> Estimate | None:
    """The estimate in the unit it is stated in. An error counts before an interval, which must hold the estimate."""
    if interval is None:
        return None if value is None or error is None else Estimate(value, error)
    try:
        low, high, level = (float(interval[column] or 0.0) for column in _INTERVAL)
        found = from_interval(low, high, level, value)
    except InputError as refused:
        row.fault("interval_low", str(refused))
        return None
    return found if error is None else Estimate(found.value, error)


def _repeated(tests: list[tuple[str, LiftTest]]) -> list[Fault]:
    """The same test twice: under one name, or with one content under two, of which none counts then."""
    faults: list[Fault] = []
    names: dict[str, str] = {}
    alike: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for place, test in tests:
        if test.test_id in names:
            text = f"column test_id: is there already in {names[test.test_id]}: keep one"
            faults.append(Fault(test.test_id, place, text))
            continue
        names[test.test_id] = place
        alike.setdefault(_content(test), []).append((place, test.test_id))
    for same in alike.values():
        for place, test_id in same:
            others = [f"{shown(other)} ({where})" for where, other in same if other != test_id]
            if others:
                faults.append(Fault(test_id, place, f"is test {listed(others)} under another name: keep one"))
    return faults


def _content(test: LiftTest) -> tuple[object, ...]:
    """What a test is, whatever it is called."""
    spend = tuple(sorted(test.spend.items(), key=lambda item: item[0]))
    return (
        test.market,
        spend,
        tuple(sorted(test.geos)),
        test.start,
        test.end,
        test.outcome,
        test.incremental,
        test.standard_error,
    )
