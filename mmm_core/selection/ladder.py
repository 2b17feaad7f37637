"""The built-in ladder: other baselines of one specification, a rung at a time.

A rung varies one thing: the KPI's scale, its level, how far season, controls and holidays may move it, the order of the
season, the holidays, the noise. What it leaves alone is what a belief or a fact decides and no forecast can: channels,
their priors, controls, events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mmm_core.data.arrays import HOLIDAY_PRIOR_SD, TERM_PRIOR_SD
from mmm_core.spec.baseline_spec import LEARNED
from mmm_core.spec.model_spec import ModelSpec, parse_spec

ORDERS = (0, 1, 2, 4, 8)
"""Harmonics of a season with priors too wide to matter that are tried; it grows with its order."""
LEARNED_ORDERS = (0, 2, 8, 13)
"""Of a season whose scales are learned: harmonics that the table does not show shrink, so fewer steps tell as much."""
WEEKS_AN_UNKNOWN = 8
"""Weeks a season with wide priors needs for each of its coefficients to be tried at all."""
STATED = {"seasonality": TERM_PRIOR_SD, "controls": TERM_PRIOR_SD, "holidays": HOLIDAY_PRIOR_SD}
"""Prior sd, in noise sds, that a group of `baseline.shrinkage` has where it is not learned."""

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
        Rung("shrinkage", _shrinkage(spec)),
        Rung("season", _seasons(spec, weeks)),
        Rung("holidays", _holidays(spec, country)),
        Rung("noise", _noise(spec)),
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
    learned = spec.baseline.shrinkage.seasonality == LEARNED
    orders = LEARNED_ORDERS if learned else ORDERS
    return {
        f"season order {order}" if order else "no season": {"baseline": {"seasonality": {"order": order}}}
        for order in orders
        if order != spec.baseline.seasonality.order and (learned or 2 * order * WEEKS_AN_UNKNOWN <= weeks)
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
    """Each group the model has: its scale learned from the table where it is stated, stated where it is learned."""
    has = {
        "seasonality": spec.baseline.seasonality.order > 0,
        "controls": bool(spec.controls),
        "holidays": spec.baseline.holidays is not None,
    }
    found: dict[str, Keys] = {}
    for group, now in spec.baseline.shrinkage:
        if has[group]:
            scale: str | float = STATED[group] if now == LEARNED else LEARNED
            name = "season" if group == "seasonality" else group
            words = "learned" if scale == LEARNED else f"stated, {scale:g} noise sds"
            found[f"{name} scale {words}"] = {"baseline": {"shrinkage": {group: scale}}}
    return found
