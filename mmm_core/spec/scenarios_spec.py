"""What the `scenarios:` section of a model's YAML may say: plans for the coming weeks that are held against each other.

Nothing of it is read by a fit. What marketers say of a channel or a control is one of

    +20%, -30%                more or less than in the weeks that come again
    250000                    money over the horizon; of a control its value in every week
    off                       0
    {3-5: off, 8: +50%}       the same of some weeks, counted from 1 or named by a date; an amount is that of each week
    {geos: {north: +10%}}     the same of some geos

and of a control also `last` (it stays at its last value) and `last_year` (the same weeks of last year come again).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator
from pydantic.functional_validators import BeforeValidator

from mmm_core.errors import nearest, shown
from mmm_core.spec.budget_spec import MOST_MONEY
from mmm_core.spec.file_beside import FileBeside
from mmm_core.spec.media_spec import Strict
from mmm_core.spec.names import Component, refuse_names_alike

CURRENT, RECOMMENDED = "current", "recommended"
"""Plans that are there without being written: the weeks before come again; the plan of `budget:`."""

ALL, GEOS, REST = "all", "geos", "rest"
"""Keys: every paid channel; parts of some geos; the weeks that no other key names."""

MOST_TIMES = 1e4
"""More than this many times what was spent is a slip of the pen."""

Form = Literal["share", "amount", "last", "last_year"]

_PERCENT = re.compile(r"([+-])\s*([0-9]+(?:\.[0-9]+)?)\s*%")
_WEEKS = re.compile(r"([0-9]{1,3})(?:\s*-\s*([0-9]{1,3}))?")
_DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\s*to\s*([0-9]{4}-[0-9]{2}-[0-9]{2}))?")

Week = int | date
"""A week of the horizon: its number, from 1, or a day of it."""


@dataclass(frozen=True)
class Change:
    """What is done: a share more or less (0.2 is 20 % more), an amount, or a control held at past values."""

    form: Form
    value: float = 0.0


@dataclass(frozen=True)
class Part:
    """A change in some weeks and geos.

    Attributes:
        weeks: first and last; None: all of the horizon together. REST: those that no other part of the entry names.
        geo: where; "" everywhere.
    """

    change: Change
    weeks: tuple[Week, Week] | Literal["rest"] | None = None
    geo: str = ""


def change_of(value: Any) -> Change:
    """A change as it is written.

    Raises:
        ValueError: it is none, with what to write.
    """
    if value is False or (isinstance(value, str) and value.strip().lower() == "off"):
        return Change("amount", 0.0)
    if value is True:
        raise ValueError("on: write how much: an amount, or +20%")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number to plan with: write a finite one")
        if abs(value) > MOST_MONEY:
            raise ValueError(
                f"{value:g} is no amount to plan with: the nearest feasible figure is {MOST_MONEY:g}"
            )
        return Change("amount", float(value))
    text = str(value).strip()
    if found := _PERCENT.fullmatch(text):
        share = float(found[2]) / 100 * (1 if found[1] == "+" else -1)
        if share > MOST_TIMES:
            raise ValueError(f"{text} is no change to plan with: the most is +{100 * MOST_TIMES:.0f}%")
        if share < -1:
            raise ValueError(f"{text} takes away more than there is: -100% or `off` is the most")
        return Change("share", share)
    if text in ("last", "last_year"):
        return Change("last" if text == "last" else "last_year")
    if text.endswith("%"):
        raise ValueError(f"{shown(text)}: write +20% for 20 % more, -30% for 30 % less")
    raise ValueError(f"{shown(text)} is no change: write +20%, -30%, an amount, or off")


def weeks_of_key(key: str) -> tuple[Week, Week] | Literal["rest"]:
    """Weeks as they are written: 3, 3-5, 2026-11-23, 2026-11-23 to 2026-12-14.

    Raises:
        ValueError: they are none.
    """
    text = key.strip()
    if text == REST:
        return "rest"
    if found := _WEEKS.fullmatch(text):
        numbers = int(found[1]), int(found[2] or found[1])
        if numbers[0] > numbers[1] or numbers[0] < 1:
            raise ValueError(f"weeks {text}: they are counted from 1, the first before the last: write 3-5")
        return numbers
    if found := _DATES.fullmatch(text):
        try:
            days = date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
        except ValueError:
            raise ValueError(f"weeks {text}: no such day: write YYYY-MM-DD") from None
        if days[0] > days[1]:
            raise ValueError(f"weeks {text}: the last is before the first")
        return days
    raise ValueError(
        f"{shown(text)}: weeks are written 3, 3-5, 2026-11-23 or '2026-11-23 to 2026-12-14'; parts of geos stand "
        f"under `{GEOS}`"
    )


def parts_of(entry: Any, geo: str = "") -> tuple[Part, ...]:
    """The parts of an entry, those of geos last.

    Raises:
        ValueError: what `change_of` and `weeks_of_key` refuse, and weeks that are named twice.
    """
    if not isinstance(entry, Mapping):
        return (Part(change_of(entry), None, geo),)
    if not entry:
        raise ValueError("nothing is said: write +20%, an amount, off, or {3-5: off}")
    parts: list[Part] = []
    for key, value in entry.items():
        if key == GEOS:
            if geo or not isinstance(value, Mapping):
                raise ValueError("geos: write a mapping of geos, {geos: {north: +10%}}")
            continue
        if isinstance(value, Mapping):
            raise ValueError(f"{key}: write a change, such as {{{key}: +20%}}")
        try:
            parts.append(Part(change_of(value), weeks_of_key(str(key)), geo))
        except ValueError as error:
            raise ValueError(str(error) if str(key) in str(error) else f"{key}: {error}") from None
    _refuse_overlap([part.weeks for part in parts])
    for name, value in dict(entry.get(GEOS, {})).items():
        parts += parts_of(value, str(name))
    return tuple(parts)


def _refuse_overlap(spans: list[Any]) -> None:
    """Raise ValueError where two spans of week numbers share one; dates are looked at with the calendar."""
    seen: set[int] = set()
    for span in spans:
        if isinstance(span, tuple) and isinstance(span[0], int):
            weeks = set(range(span[0], span[1] + 1))
            if seen & weeks:
                raise ValueError(f"week {min(seen & weeks)} is named twice: name each once")
            seen |= weeks


def _entry(value: Any) -> Any:
    """An entry with keys as text, refused where it cannot be read."""
    if isinstance(value, date):
        raise ValueError(f"{value} is no change: write +20%, -30%, an amount, or off")
    if isinstance(value, Mapping):
        value = {
            str(key): _entry(inner) if isinstance(inner, Mapping) and key != GEOS else inner
            for key, inner in value.items()
        }
        if isinstance(value.get(GEOS), Mapping):
            value[GEOS] = {str(geo): _entry(inner) for geo, inner in value[GEOS].items()}
    parts_of(value)
    return "off" if value is False else value


def _media_entry(value: Any) -> Any:
    """The same of spend or media: no past values to hold, nothing below 0."""
    value = _entry(value)
    for part in parts_of(value):
        if part.change.form in ("last", "last_year"):
            raise ValueError(
                f"`{part.change.form}` is for controls: `like: last_year` of the plan repeats last year's media"
            )
        if part.change.value < 0 and part.change.form == "amount":
            amount = part.change.value
            meant = f"; write {amount:g}% for {-amount:g} % less" if amount >= -100 else ""
            raise ValueError(f"{amount:,.6g} is negative: the least is 0{meant}")
    return value


def _of_every_channel(value: Any) -> Any:
    """Spend: an entry of each channel, or one change of all."""
    if isinstance(value, Mapping):
        return value
    return {ALL: value}


_SCHEMA = {
    "description": "+20%, -30%, an amount, off; or of some weeks {3-5: off}; or of some geos {geos: {north: +10%}}",
    "anyOf": [
        {"type": "number"},
        {"type": "string"},
        {"const": False},
        {"type": "object", "minProperties": 1},
    ],
}
MediaEntry = Annotated[Any, BeforeValidator(_media_entry), WithJsonSchema(_SCHEMA)]
ControlEntry = Annotated[Any, BeforeValidator(_entry), WithJsonSchema(_SCHEMA)]


class Scenario(Strict):
    """One plan: what differs from the weeks that come again."""

    description: str = Field(default="", max_length=300, description="shown beside its name")
    like: Literal["last_period", "last_year"] = Field(
        default="last_period",
        description="weeks whose media come again, and which changes are relative to: the last ones, or the same weeks "
        "a year ago",
    )
    spend: Annotated[
        dict[str, MediaEntry],
        BeforeValidator(_of_every_channel, json_schema_input_type=dict[str, MediaEntry] | MediaEntry),
    ] = Field(
        default={},
        description="paid channel -> change; `all` for those not named, or one change for all of them",
    )
    organic: dict[str, MediaEntry] = Field(default={}, description="organic channel -> change")
    controls: dict[str, ControlEntry] = Field(
        default={},
        description="control or treatment -> value or change; else it stays at its mean of the last 13 weeks",
    )
    plan: FileBeside | None = Field(
        default=None,
        description="CSV beside this file with a row a week: spend by channel, controls; the rest comes again",
    )
    currency: str | None = Field(default=None, description="of amounts; refused where it is not the table's")

    @model_validator(mode="before")
    @classmethod
    def _one_key_for_levers(cls, value: Any) -> Any:
        if isinstance(value, dict) and "treatments" in value:
            raise ValueError(
                "treatments: write them under `controls`, which takes controls and treatments by their names"
            )
        return value

    def unknown(self, paid: Iterable[str], organic: Iterable[str], levers: Iterable[str]) -> str:
        """What a model of these channels and levers does not have, in words; "" where it has all."""
        known = {"spend": (*paid, ALL), "organic": tuple(organic), "controls": tuple(levers)}
        for key, kind in (
            ("spend", "paid channel"),
            ("organic", "organic channel"),
            ("controls", "control or treatment"),
        ):
            for name in getattr(self, key):
                if name not in known[key]:
                    home = next((other for other, names in known.items() if name in names), "")
                    remedy = f"write it under `{home}`" if home else nearest(name, known[key])
                    return f"{key} names '{name}', no {kind}: {remedy}"
        return ""


class Sweep(Strict):
    """The best plan at each of several budgets."""

    totals: tuple[Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)], ...] = Field(
        default=(0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5),
        min_length=2,
        max_length=50,
        description="budgets as multiples of the last period's spend",
    )

    @field_validator("totals")
    @classmethod
    def _ascending(cls, totals: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(totals)) < len(totals):
            raise ValueError("a multiple is there twice: name each once")
        return tuple(sorted(totals))


class Scenarios(Strict):
    """Plans for the coming weeks that are held against each other; see docs/decisions.md."""

    weeks: int | None = Field(
        default=None, ge=1, le=104, description="horizon after the data; default `budget: weeks`"
    )
    against: str = Field(
        default=CURRENT, description="the plan that every other is held against: `current`, or one of yours"
    )
    plans: dict[Component, Scenario] = Field(default={}, description="name -> plan")
    recommended: bool = Field(default=True, description="hold the plan that `budget:` recommends beside them")
    sweep: Sweep | None = Field(default=None, description="{}: the best plan at each of several budgets")

    @model_validator(mode="after")
    def _named(self) -> Scenarios:
        for name in (CURRENT, RECOMMENDED):
            if name in self.plans:
                raise ValueError(f"plans: '{name}' is there without being written: give yours another name")
        refuse_names_alike([CURRENT, RECOMMENDED, *self.plans])
        known = [CURRENT, *([RECOMMENDED] if self.recommended else []), *self.plans]
        if self.against not in known:
            raise ValueError(f"against: no plan is called '{self.against}'; there are {', '.join(known)}")
        return self
