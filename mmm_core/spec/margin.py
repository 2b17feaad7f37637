"""One margin of a model: wherever its YAML states it, it holds wherever money is made of the outcome.

It may stand at the top, or at a budget's profit, the gates of readiness or the price of an experiment: one fact, and
whoever reads it finds the same figure. Two places that say otherwise are refused.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

MODEL = ("margin",)

PLACES: tuple[tuple[str, ...], ...] = (
    MODEL,
    ("budget", "goal", "profit", "margin"),
    ("readiness", "margin"),
    ("experiments", "margin"),
)
"""Where a margin may stand. A budget has a profit only where it asks for it."""

MOST = 1e9


def _leaves_something(value: Any) -> Any:
    """A margin as it is written; raises ValueError for one that leaves nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        raise ValueError(no_margin(value))
    return value


def no_margin(value: float) -> str:
    """What is wrong with a margin of 0 or less, and the nearest that is none."""
    return (
        f"write a number above 0, got {value:g}: a unit of the outcome that leaves nothing before media is worth no "
        "media: 0.4 is a gross margin of 40 %, and the nearest feasible figure is any above 0"
    )


Margin = Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False), BeforeValidator(_leaves_something)]
"""Money that one unit of the outcome leaves before media."""


def with_one_margin(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a model with its margin in every place.

    Raises:
        ValueError: two places that state different ones.
    """
    stated = {place: float(figure) for place in PLACES if _is_number(figure := _at(value, place))}
    if not stated:
        return value
    (first, margin), *others = stated.items()
    for place, figure in others:
        if figure != margin:
            raise ValueError(
                f"{'.'.join(place)}: {figure:g}, and {_called(first)} is {margin:g}: they are one fact: leave one out"
            )
    for place in PLACES:
        value = _filled(value, place, margin)
    return value


def refuse_more_than_revenue(margin: float | None, kind: str) -> None:
    """Raise ValueError where a margin is more than all of what it is a share of; of units it is money for each."""
    if margin is not None and margin > 1 and kind == "revenue":
        raise ValueError(
            f"margin: {margin:g} of revenue is more than all of it: write 0.4 for a gross margin of 40 %; the nearest "
            "feasible figure is 1"
        )


def without_old_default(stored: Any) -> Any:
    """A specification that was written with every default, as it would be written now.

    `readiness: margin` once had a default of its own, 1, which nobody stated and which gates still take where no margin
    is known.
    """
    if not isinstance(stored, dict) or not isinstance(rule := stored.get("readiness"), dict):
        return stored
    if rule.get("margin") != 1.0:
        return stored
    return {**stored, "readiness": {name: figure for name, figure in rule.items() if name != "margin"}}


def _called(place: tuple[str, ...]) -> str:
    return "the model's `margin`" if place == MODEL else f"`{'.'.join(place)}`"


def _is_number(figure: Any) -> bool:
    return isinstance(figure, int | float) and not isinstance(figure, bool) and figure > 0


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _filled(value: dict[str, Any], place: tuple[str, ...], margin: float) -> dict[str, Any]:
    """A mapping with the margin at a place below it, where nothing stands there and what it lies in may be written."""
    name, *rest = place
    inner = value.get(name)
    if not rest:
        return {**value, name: margin} if inner is None else value
    if inner is None and len(rest) == 1 and place in PLACES:  # a section of the model, all at its defaults
        inner = {}
    return {**value, name: _filled(inner, tuple(rest), margin)} if isinstance(inner, dict) else value
