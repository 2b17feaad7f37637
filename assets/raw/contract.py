"""What a contract can say of a source table: its columns, what tells a row from another, and the days a row covers."""

from dataclasses import dataclass
from typing import Literal

from mmm_core.data.currencies import CURRENCIES

SQL_TYPES = {
    "text": "VARCHAR",
    "amounts": "VARCHAR",
    "month": "VARCHAR",
    "pattern": "VARCHAR",
    "zone": "VARCHAR",
    "moment": "TIMESTAMP",
    "flag": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
}

WEEK = 7

BadRows = Literal["refuse", "quarantine"]
"""What becomes of a file with rows that break their contract: `refuse` takes nothing of it, `quarantine` takes its good
rows and sets the others aside."""

Silence = Literal["unknown", "between", "zero"]
"""What weeks mean in which a source of media has no row of a market: nobody knows what was spent; nothing was `between`
its first and last week with rows, as outside of flights; or nothing was at any time."""

OverDays = Literal["sum", "same", "lost", "stated"]
"""What becomes of a value in a row of several days: see `Column.over_days`."""

BAD_SHARE = 0.05
"""The share of a file's rows that may be set aside, where `sources.yaml` says no other."""


@dataclass(frozen=True)
class Column:
    """A column of a source table.

    Attributes:
        kind: text, pattern (a regular expression), zone (a time zone such as Europe/Berlin), integer, number, date
            (a day, with or without a time of 00:00:00), moment (a day and time; UTC, unless it says another zone),
            flag (true or false), month (YYYY-MM) or amounts (numbers of 0 or more, ';' or blanks between them).
        about: what it holds, with its unit.
        required: blank cells are refused.
        blank: what a blank cell of a text stands for, such as the geo `all`: the raw table has it written out, so that
            an export that leaves it blank and one that writes it hold the same row; "" keeps the cell blank.
        may_lack: a file need not have the column: its cells are blank then.
        also: other names that a file may give it, as `id` for `campaign_id`; a file that has two of them is refused.
        minimum, maximum: bounds of a number.
        allowed: the only values a text may have.
        spelling: how a text is written, so that one thing has one name whoever exported it: `id` (a platform's
            number), `lower` or `upper` case; "" keeps it as it is. See `assets.raw.spelling`.
        fills_from: the pattern beside it whose brackets a text may ask for, as \\1.
        over_days: what becomes of the value in a row that covers several days: `sum` is spread over them, `same` holds
            on each, `lost` is unknown for a part of them, of `stated` another column of the row says which.
    """

    name: str
    kind: str
    about: str
    required: bool = True
    may_lack: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    spelling: Literal["", "id", "lower", "upper"] = ""
    over_days: OverDays = "same"
    also: tuple[str, ...] = ()
    blank: str = ""
    fills_from: str = ""

    @property
    def names_things(self) -> bool:
        """Whether its cells are numbers or codes of accounts, orders, markets: nothing of a person."""
        return bool(self.spelling)

    @property
    def is_currency(self) -> bool:
        """Whether it says what currency amounts are in."""
        return self.allowed == CURRENCIES

    @property
    def is_free_text(self) -> bool:
        """Whether its cells are kept as somebody wrote them, so that there may be a person's address in one."""
        return self.kind == "text" and not self.names_things and not self.allowed


@dataclass(frozen=True)
class Period:
    """The days a row covers, and what is done with a row whose days are not those of one ISO week.

    Attributes:
        start: column of its first day.
        stop: column of its last day; "" where `days` says how many there are.
        days: days from the first on.
        spread: staging makes a row a day of it. Otherwise the row stays whole, and that of a week must begin on a
            Monday.
    """

    start: str
    stop: str = ""
    days: int = 1
    spread: bool = True

    @property
    def weekly(self) -> bool:
        return not self.stop and self.days == WEEK


@dataclass(frozen=True)
class Contract:
    """A source table: the files below landing/<source>/<table>/, loaded to raw.<source>__<table>.

    Attributes:
        grain: the columns that tell one row of a file from another; a file that repeats one is refused.
        period: the days a row covers; None where rows are not of days.
        amount: the column whose sum is followed from the files to the marts.
        per_unit: how many of the amount's unit are one of its currency: 1,000,000 where it is in millionths.
        gives: what the source's staging makes of the table: `media`, `kpi`, `controls`, or nothing that marts of all
            sources have in common.
        zoned: its moments are UTC, and staging counts them as days of a time zone.
        bad_rows, bad_share: what `sources.yaml` says of files with rows that break this contract, and the share of a
            file's rows above which it is refused in any case.
    """

    source: str
    table: str
    about: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    period: Period | None = None
    amount: str = ""
    per_unit: int = 1
    gives: Literal["", "media", "kpi", "controls"] = ""
    zoned: bool = False
    bad_rows: BadRows = "refuse"
    bad_share: float = BAD_SHARE

    @property
    def name(self) -> str:
        return f"{self.source}__{self.table}"

    @property
    def folder(self) -> str:
        return f"{self.source}/{self.table}"

    @property
    def names(self) -> frozenset[str]:
        """Every name by which a file may give one of its columns: nothing else of a file is read."""
        return frozenset(name for column in self.columns for name in (column.name, *column.also))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold figures."""
        return tuple(column.name for column in self.columns if column.kind in ("integer", "number"))

    @property
    def may_lack_currency(self) -> bool:
        """Whether a row may have an amount without the currency it is in. A KPI's is known where no column has it."""
        required = [column.required for column in self.columns if column.is_currency]
        return bool(self.amount and self.gives) and not (all(required) if required else self.gives == "kpi")

    @property
    def days_rule(self) -> str:
        """What a row covers and what is done where that is not one ISO week, in words."""
        period = self.period
        if period is None:
            return ""
        spread = self._named("sum")
        if period.weekly and not period.spread:
            return (
                f"A row covers the week that begins on {period.start}, a Monday: its values do not add up over days, "
                "so a week that begins on another day is refused."
            )
        if period.weekly:
            return (
                f"A row covers the seven days from {period.start}. The weeks of a file begin on one weekday, whichever "
                f"it is: staging spreads {spread} evenly over the days."
            )
        if period.stop and not period.spread:
            return (
                f"A row covers the days {period.start} to {period.stop}, all of them together: staging keeps it "
                "whole, and spreads nothing of it over them."
            )
        if period.stop:
            return (
                f"A row covers the days {period.start} to {period.stop}. Where they are several, "
                f"{self._over_several_days()}"
            )
        return f"A row covers the day {period.start}."

    def _over_several_days(self) -> str:
        """What staging does with the figures of a row of several days, in words."""
        figures = frozenset(self.numbers)
        spread, lost, stated = self._named("sum"), self._named("lost"), self._named("stated")
        held = ", ".join(c.name for c in self.columns if c.over_days == "same" and c.name in figures)
        said = [
            f"staging spreads {spread} evenly over them" if spread else "",
            f"each of them has {held} of the row" if held else "",
            f"another column of the row says whether each of them has its {stated}, or all of them together"
            if stated
            else "",
        ]
        gone = f" {lost} does not add up, and is of all days of the row together." if lost else ""
        return "; ".join(filter(None, said)) + "." + gone

    def _named(self, over_days: OverDays) -> str:
        return ", ".join(column.name for column in self.columns if column.over_days == over_days)
