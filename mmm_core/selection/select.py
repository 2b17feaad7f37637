"""Choose a specification by its forecasts of weeks it has not seen: among several, or up the built-in ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from mmm_core.data.arrays import model_data
from mmm_core.data.calendar import refuse_unknown_country
from mmm_core.data.table import fingerprint
from mmm_core.errors import InputError, SpecError
from mmm_core.forecast.differences import paired_difference
from mmm_core.names import normal_name
from mmm_core.selection.candidate import Candidate, Rounds, scored
from mmm_core.selection.ladder import Keys, changed, merged, rungs
from mmm_core.selection.selection import Selection, other_kpi, refuse_incomparable
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

ORIGINS, HORIZON = 6, 13
LEAST_WEEKS = 52
"""Weeks that the first origin leaves to learn from, where the number of origins is not asked for."""
AS_WRITTEN = "as written"


def select(
    table: pd.DataFrame,
    specs: Mapping[str, ModelSpec],
    origins: int | None = None,
    horizon: int = HORIZON,
    step: int | None = None,
    draws: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> Selection:
    """Score specifications of one KPI on the same weeks and recommend one of them; `Selection` has the rule.

    Each is fitted by its own engine, once an origin and once on all weeks; one that cannot be is listed with why.
    Nothing is screened by an approximate engine first: how far its forecasts are from the sampler's is not known before
    both are there. State `fit: {engine: laplace}` to choose among more of them in less time, labelled as such.

    Args:
        table: the weekly table.
        specs: by the name to call them; of the same KPI, geos and last week.
        origins: how many; by default 6, or as many as leave a year to learn from.
        horizon: weeks forecast from each.
        step: weeks between origins; `horizon` by default.
        draws: kept draws a chain of each fit; by default no more than 1000 in all.
        progress: told how far it is.

    Raises:
        InputError: no specification was given, or none could be fitted.
    """
    if not specs:
        raise InputError("no specification to choose from: name one or more")
    rounds = _rounds(table, specs, origins, horizon, step, draws, progress, source)
    candidates: list[Candidate] = []
    for number, (name, spec) in enumerate(specs.items(), 1):
        first = next((candidate for candidate in candidates if candidate.backtest is not None), None)
        there = spec.kpi.column in map(normal_name, map(str, table.columns))
        reason = other_kpi(spec, first) if there else ""  # no fit tells more
        candidates.append(
            Candidate(name, spec, reason=reason) if reason else scored(name, spec, rounds, number)
        )
    return _found(candidates, table)


def climb(
    table: pd.DataFrame,
    spec: ModelSpec,
    origins: int | None = None,
    horizon: int = HORIZON,
    step: int | None = None,
    draws: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
    country: str | None = None,
) -> tuple[Selection, dict[str, Keys]]:
    """Try other baselines of a specification, a rung at a time (`mmm_core.selection.ladder`).

    A rung varies one thing of where the ladder stands, and moves there where that lowers the CRPS by more than one
    standard error of the paired difference. Among everything tried, one is recommended as by `select`.

    Args:
        country: of whose holidays to try, where the specification names none. The rest as of `select`.

    Returns:
        What was found, and for each candidate the keys of the YAML in which it differs from `spec`.

    Raises:
        InputError: as `select`, or a country that the `holidays` package does not know.
    """
    if country is not None:
        refuse_unknown_country(country, "country")
    rounds = _rounds(table, {AS_WRITTEN: spec}, origins, horizon, step, draws, progress, source)
    shortest = _weeks(table, spec, source) - horizon - rounds.step * (rounds.origins - 1)
    ladder = rungs(spec, shortest, country)
    rounds = replace(rounds, candidates=1 + sum(len(rung.variations) for rung in ladder))
    stand, stands_on = scored(AS_WRITTEN, spec, rounds, 1), spec
    candidates = [stand]
    keys: dict[str, Keys] = {AS_WRITTEN: {}}
    for position in range(len(ladder)):
        base, tried = stand.name, list[Candidate]()
        for name, change in rungs(stands_on, shortest, country)[position].variations.items():
            full = name if base == AS_WRITTEN else f"{base}, {name}"
            keys[full] = merged(keys[base], change)
            tried.append(_variation(full, stands_on, change, rounds, len(candidates) + len(tried) + 1))
        candidates += tried
        for candidate in tried:
            if candidate.backtest is None or candidate.spec is None:
                continue
            if stand.backtest is None or _clearly_lower(candidate, stand):
                stand, stands_on = candidate, candidate.spec
    return _found(candidates, table), keys


def _variation(name: str, spec: ModelSpec, change: Keys, rounds: Rounds, number: int) -> Candidate:
    try:
        varied = changed(spec, change)
    except SpecError as error:
        return Candidate(name, spec, reason=str(error))
    return scored(name, varied, rounds, number)


def _clearly_lower(candidate: Candidate, stand: Candidate) -> bool:
    """Whether a CRPS is lower by more than one standard error; with one origin, which has none, lower at all."""
    difference = paired_difference(candidate.crps, stand.crps)
    return -difference.mean > (difference.se if difference.origins > 1 else 0.0)


def _found(candidates: list[Candidate], table: pd.DataFrame) -> Selection:
    found = Selection(refuse_incomparable(candidates), fingerprint(table))
    found.refuse_empty()
    return found


def _rounds(
    table: pd.DataFrame,
    specs: Mapping[str, ModelSpec],
    origins: int | None,
    horizon: int,
    step: int | None,
    draws: int | None,
    progress: Callable[[Progress], None] | None,
    source: str,
) -> Rounds:
    step = step or horizon
    if origins is None:
        weeks = min((_weeks(table, spec, source) for spec in specs.values()), default=0)
        origins = max(1, min(ORIGINS, (weeks - LEAST_WEEKS - horizon) // max(step, 1) + 1))
    return Rounds(table, origins, horizon, step, draws, source, progress, candidates=len(specs))


def _weeks(table: pd.DataFrame, spec: ModelSpec, source: str) -> int:
    """Modelled weeks; as many as the table has rows where it is refused, which `scored` says."""
    try:
        return model_data(table, spec, source).sizes["week"]
    except InputError:
        return len(table)
