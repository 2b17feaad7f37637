"""One margin of a model: what `margin:` says holds wherever money is made of the outcome.

A budget's profit, the gates of readiness and the price of an experiment each have a key of their own, which is filled
in from it; one that says otherwise is refused.
"""

from __future__ import annotations

from typing import Any

PLACES: tuple[tuple[str, ...], ...] = (
    ("budget", "goal", "profit"),
    ("readiness",),
    ("experiments",),
)
"""Where a margin may stand, beside the model's own. A budget has a profit only where it asks for it."""


def with_one_margin(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a model with its margin in every place.

    Raises:
        ValueError: a place that states another one.
    """
    margin = value.get("margin")
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not margin > 0:
        return value  # no margin, or none that can be: the key itself is refused
    for place in PLACES:
        value = _filled(value, place, float(margin), place)
    return value


def refuse_more_than_revenue(margin: float | None, kind: str) -> None:
    """Raise ValueError where a margin is more than all of what it is a share of; of units it is money for each."""
    if margin is not None and margin > 1 and kind == "revenue":
        raise ValueError(
            f"margin: {margin:g} of revenue is more than all of it: write 0.4 for a gross margin of 40 %"
        )


def _filled(
    value: dict[str, Any], place: tuple[str, ...], margin: float, whole: tuple[str, ...]
) -> dict[str, Any]:
    """A mapping with the margin at a place below it, where that is a mapping or may be left out."""
    if not place:
        stated = value.get("margin")
        if isinstance(stated, int | float) and float(stated) != margin:
            raise ValueError(
                f"{'.'.join(whole)}.margin: {stated:g}, and the model's `margin` is {margin:g}: they are one fact: "
                "leave this key out"
            )
        # gates count money of revenue alone, of which a margin is a share
        return value if whole == ("readiness",) and margin > 1 else {**value, "margin": margin}
    name, *rest = place
    inner = value.get(name)
    if inner is None:
        if rest or len(whole) > 1:
            return value
        inner = {}
    if not isinstance(inner, dict):
        return value
    return {**value, name: _filled(inner, tuple(rest), margin, whole)}
