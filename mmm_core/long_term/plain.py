"""A vector autoregression of a table's own columns: for who wants just that, without a model or a survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.cells import day_column, number_column
from mmm_core.errors import InputError, listed, nearest
from mmm_core.long_term import tables
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.identification import contractions, stability_words
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.multipliers import long_run_multipliers
from mmm_core.long_term.residuals import LAGS, portmanteau
from mmm_core.long_term.responses import Shocks
from mmm_core.long_term.rolling import against_random_walk
from mmm_core.long_term.stationarity import stationarity
from mmm_core.plural import plural
from mmm_core.spec.long_term_spec import Dummies

DUMMIES = get_args(Dummies)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
        variables: explained, causes before effects. media: what drives them from outside. terms: deterministic ones.
        week: of the weeks. unit_root: variables whose weekly change is modelled.
    """

    variables: tuple[str, ...]
    media: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    week: str = "week_start"
    unit_root: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plain:
    """A fit and the tables that are read from it.

    Attributes:
        draws: of `fit_bvar`.
        responses, decomposition, multipliers: as in `mmm_core.long_term.tables`, in the columns' own units; multipliers
            are None without media.
        forecast: of `against_random_walk`, None where there are too few weeks.
        notes: in words, whether to believe it.
    """

    draws: xr.Dataset
    responses: pd.DataFrame
    decomposition: pd.DataFrame
    multipliers: pd.DataFrame | None
    forecast: pd.DataFrame | None
    notes: tuple[str, ...]


def fit_table(
    table: pd.DataFrame,
    columns: Columns,
    *,
    lags: Sequence[int] = (2,),
    media_lags: int = 0,
    centre: float = 1.0,
    dummies: Sequence[str] = (),
    horizon: int = 52,
    draws: int = 2000,
    seed: int = 7,
    shocks: Shocks = "orthogonal",
    source: str = "table",
) -> Plain:
    """Fit columns of a weekly table and read off what there is to read.

    Args:
        dummies: which sets of dummy observations the prior has (`DUMMIES`). Each weighs as much as a variable is large
            beside its weekly noise: of sales that return to a level of their own it makes a random walk, on which every
            effect lasts, and a constant added to a column changes what media are credited with.

    Raises:
        InputError: a column is missing or named twice, a cell is no number or blank, no such dummies, or as `fit_bvar`.
    """
    variables, media, terms = frames(table, columns, source)
    for name in columns.unit_root:
        if name not in columns.variables:
            raise InputError(
                f"a unit root of '{name}', which is no variable: {nearest(name, columns.variables)}"
            )
    unknown = [name for name in dummies if name not in DUMMIES]
    if unknown:
        raise InputError(f"no dummy observations are called '{unknown[0]}': {nearest(unknown[0], DUMMIES)}")
    without: dict[str, Any] = {name: None for name in DUMMIES if name not in dummies}
    prior = Minnesota(centre=centre, **without)
    settings: dict[str, Any] = {
        "media_lags": media_lags, "prior": prior, "differenced": columns.unit_root, "seed": seed
    }  # fmt: skip
    try:
        found = fit_bvar(
            variables, media, terms, lags=lags[0] if len(lags) == 1 else lags, draws=draws, **settings
        )
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    units = {name: (name, 1.0) for name in columns.variables}
    notes = []
    if len(lags) > 1:
        notes.append(
            f"{plural(int(found.attrs['lags']), 'lag')}: of {listed(lags)} what the data speak for most"
        )
    notes += [stability_words(found), portmanteau(found, max(LAGS, found.attrs["lags"] + 4)).sentence]
    notes += [one.sentence_of(one.variable in columns.unit_root) for one in stationarity(variables)]
    multipliers = None
    if media is not None:
        refused = ""
        try:
            notes += _for_good(long_run_multipliers(found), columns.unit_root)
        except InputError as error:
            refused = str(error)
            notes.append(f"no long-run figures: {refused}")
        multipliers = tables.multipliers_of(
            found, tuple(sorted({min(24, horizon), horizon})), units, not refused
        )
        notes += [one.sentence for one in contractions(found, prior)]
    forecast = None
    try:
        forecast = against_random_walk(variables, media, terms, lags=int(found.attrs["lags"]), **settings)
    except InputError as error:
        notes.append(f"no forecasts were compared: {error}")
    return Plain(
        draws=found,
        responses=tables.responses_of(found, horizon, units, shocks),
        decomposition=tables.decomposition_of(found, sorted({4, 13, horizon})),
        multipliers=multipliers,
        forecast=forecast,
        notes=tuple(notes),
    )


def _for_good(forever: xr.Dataset, unit_root: Sequence[str]) -> list[str]:
    """What one unit of media adds for good to variables whose change is modelled: over all weeks it has no sum."""
    said = []
    for name in unit_root:
        for channel in forever["channel"].to_numpy():
            draws = forever["permanent"].sel(response=name, channel=channel).to_numpy()
            low, middle, high = np.nanquantile(draws, [0.05, 0.5, 0.95])
            said.append(
                f"{name}: one unit of {channel} moves its level for good, by {middle:.3g} ({low:.3g} to {high:.3g}); "
                "that has no sum over all weeks to come"
            )
    return said


def frames(
    table: pd.DataFrame, columns: Columns, source: str
) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Variables, media and terms of a table, indexed by week."""
    named = [columns.week, *columns.variables, *columns.media, *columns.terms]
    for name in named:
        if name not in table.columns:
            raise InputError(f"{source}: no column '{name}': {nearest(name, map(str, table.columns))}")
        if named.count(name) > 1:
            raise InputError(f"column '{name}' is named more than once: a column has one role")
    if not columns.variables:
        raise InputError("no variable is named: name the columns to be explained")
    weeks = day_column(table, columns.week, source)
    if weeks.isna().any():
        raise InputError(
            f"{source}: column {columns.week} is blank in {plural(int(weeks.isna().sum()), 'row')}"
        )
    index = pd.DatetimeIndex(weeks)

    def part(names: tuple[str, ...]) -> pd.DataFrame | None:
        if not names:
            return None
        values = {name: number_column(table, name, source).to_numpy(dtype=float) for name in names}
        return pd.DataFrame(values, index=index).sort_index()

    variables = part(columns.variables)
    assert variables is not None
    # weeks before the variables begin, where media are known, serve as lags
    known = variables.notna().all(axis=1).to_numpy()
    begin = int(np.argmax(known)) if known.any() else 0
    return variables.iloc[begin:], part(columns.media), part(columns.terms)
