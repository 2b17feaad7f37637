"""The built-in ladder: other baselines of one specification, a rung at a time.

A rung varies one thing: the KPI's scale, its level, its season, its holidays, its noise. What it leaves alone is what a
belief or a fact decides and no forecast can: channels, their priors, controls, events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mmm_core.spec.model_spec import Baseline, ModelSpec, parse_spec

ORDERS = (0, 1, 2, 4, 8)
"""Harmonics of the season that are tried."""
WEEKS_AN_UNKNOWN = 8
"""Weeks a season needs for each of its coefficients to be tried at all."""

Keys = Mapping[str, Any]
"""Keys of a model's YAML that differ, nested as they are there; null where one is not stated."""


@dataclass(frozen=True)
class Rung:
    """What is tried next: names of variations, and the keys in which each differs from where the ladder stands."""

    name: str
    variations: Mapping[str, Keys]


def rungs(spec: ModelSpec, weeks: int, country: str | None = None) -> tuple[Rung, ...]:
    """The ladder of a specification.

    Args:
        weeks: of the shortest fit, which limit the season.
        country: of whose holidays to try, where the specification names none.
    """
    return (
        Rung("scale", _scales(spec)),
        Rung("level", _levels(spec)),
        Rung("season", _seasons(spec, weeks)),
        Rung("holidays", _holidays(spec, country)),
        Rung("noise", _noise(spec)),
        Rung("shrinkage", _shrinkage(spec)),
    )


def changed(spec: ModelSpec, keys: Keys) -> ModelSpec:
    """The specification with some keys of its YAML replaced.

    Raises:
        SpecError: what comes out is refused.
    """
    return parse_spec(merged(yaml.safe_load(spec.to_yaml()), keys), f"a variation of {spec.model}")


def merged(mapping: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """A YAML's mapping with some of its keys replaced."""
    out = dict(mapping)
    for key, value in keys.items():
        inner = out.get(key)
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        out[key] = merged(inner or {}, value) if both else value
    return out


def _scales(spec: ModelSpec) -> dict[str, Keys]:
    other = "level" if spec.kpi.scale == "log" else "log"
    return {f"scale {other}": {"kpi": {"scale": other}}}


def _levels(spec: ModelSpec) -> dict[str, Keys]:
    kinds = {
        "random walk": ("random_walk", "none"),
        "random walk, constant slope": ("random_walk", "constant"),
        "random walk, drifting slope": ("random_walk", "random_walk"),
        "linear": ("linear", "none"),
        "constant": ("constant", "none"),
    }
    now = (spec.baseline.level, spec.baseline.slope)
    return {
        f"level {name}": {"baseline": {"level": level, "slope": slope}}
        for name, (level, slope) in kinds.items()
        if (level, slope) != now
    }


def _seasons(spec: ModelSpec, weeks: int) -> dict[str, Keys]:
    return {
        f"season order {order}" if order else "no season": {"baseline": {"seasonality": {"order": order}}}
        for order in ORDERS
        if order != spec.baseline.seasonality.order and 2 * order * WEEKS_AN_UNKNOWN <= weeks
    }


def _holidays(spec: ModelSpec, country: str | None) -> dict[str, Keys]:
    if spec.baseline.holidays is not None:
        return {"no holidays": {"baseline": {"holidays": None}}}
    if country is None:
        return {}
    return {f"holidays of {country}": {"baseline": {"holidays": {"country": country}}}}


def _noise(spec: ModelSpec) -> dict[str, Keys]:
    if spec.student_t is not None:
        return {"noise normal": {"likelihood": "normal"}}
    return {"noise student-t": {"likelihood": "student_t"}}


def _shrinkage(spec: ModelSpec) -> dict[str, Keys]:
    if "shrinkage" not in Baseline.model_fields:
        return {}
    wide = {"seasonality": 10.0, "controls": 10.0, "holidays": 2.0}
    learned = dict.fromkeys(wide, "learned")
    now = yaml.safe_load(spec.to_yaml())["baseline"]["shrinkage"]
    found = {"shrinkage learned": learned, "no shrinkage": wide}
    return {name: {"baseline": {"shrinkage": keys}} for name, keys in found.items() if keys != now}
