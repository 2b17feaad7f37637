"""What differs between the inputs of two posteriors of a model, kind by kind, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.glance import day
from mmm_core.errors import listed
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by, written_by
from mmm_core.spec.differences import specification_in_words

TOLERANCE = 1e-9
"""A value that differs by less, as a share of the largest of its column, is the same."""


def differences(before: Posterior, now: Posterior) -> dict[str, str]:
    """By kind of input that differs (data, evidence, specification, software, seed), what differs."""
    found = {}
    if before.attrs["table"] != now.attrs["table"]:
        found["data"] = data_in_words(before.data, now.data)
    if _evidence_version(before) != _evidence_version(now):
        found["evidence"] = evidence_in_words(before, now)
    if before.attrs["spec_hash"] != now.attrs["spec_hash"]:
        found["specification"] = specification_in_words(before.spec, now.spec)
    if before.attrs["source"] != now.attrs["source"]:
        found["software"] = f"fitted before by {written_by(before)}, now by {written_by(now)}"  # type: ignore[arg-type]
    if before.attrs["seed"] != now.attrs["seed"]:
        found["seed"] = f"seed {before.attrs['seed']} before, {now.attrs['seed']} now"
    return found


def _evidence_version(posterior: Posterior) -> str:
    evidence = calibrated_by(posterior)
    return evidence.version if evidence else ""


def data_in_words(before: xr.Dataset, now: xr.Dataset) -> str:
    """Weeks that are new or gone, and values of common weeks that were restated."""
    weeks = [pd.DatetimeIndex(data["media_week"].to_numpy()) for data in (before, now)]
    new, gone = weeks[1].difference(weeks[0]), weeks[0].difference(weeks[1])
    parts = []
    if len(new):
        parts.append(f"{plural(len(new), 'new week')}, to {day(new[-1].date())}")
    if len(gone):
        parts.append(f"{plural(len(gone), 'week')} no longer there")
    geos = [list(map(str, data["geo"].to_numpy())) for data in (before, now)]
    for what, ours, others in (("new", geos[1], geos[0]), ("no longer there:", geos[0], geos[1])):
        if apart := [geo for geo in ours if geo not in others]:
            parts.append(f"{what} {'geo' if len(apart) == 1 else 'geos'} {listed(apart)}")
    parts += restated(before, now)
    return "; ".join(parts) or "values that the model reads"


def restated(before: xr.Dataset, now: xr.Dataset) -> list[str]:
    """Of weeks and geos that both hold: which columns differ, and in how many weeks."""
    out: list[str] = []
    for what, variable, week, label in (
        ("KPI", "kpi", "week", None),
        ("spend of", "spend", "media_week", "paid_channel"),
        ("media of", "exposure", "media_week", "channel"),
        ("", "design", "week", "term"),
    ):
        old, new = xr.align(_raw(before, variable), _raw(now, variable), join="inner")
        names = [None] if label is None else list(old[label].to_numpy())
        for name in names:
            pair = [values if name is None else values.sel({label: name}) for values in (old, new)]
            first, second = (values.transpose("geo", week).to_numpy() for values in pair)
            if not first.size:
                continue
            size = max(float(np.nanmax(np.abs(first), initial=0.0)), 1e-300)
            same = np.isclose(first, second, rtol=0, atol=TOLERANCE * size, equal_nan=True)
            count = int((~same).any(axis=0).sum())
            if count and not (variable == "exposure" and f"spend of {name}" in " ".join(out)):
                out.append(
                    f"{' '.join(filter(None, (what, name and str(name))))} restated in {plural(count, 'week')}"
                )
    return out


def _raw(data: xr.Dataset, variable: str) -> xr.DataArray:
    """A variable in the table's own units; of the design only the columns that a table brings."""
    if variable != "design":
        return data[variable]
    given = [term for term in data["term"].to_numpy() if float(data["design_scale"].sel(term=term)) != 1.0]
    chosen = data.sel(term=given)
    return chosen["design"] * chosen["design_scale"] + chosen["design_centre"]


def evidence_in_words(before: Posterior, now: Posterior) -> str:
    """Tests that came, went, or enter with another result or weight."""
    old, new = (
        {weighed.test.test_id: weighed for weighed in (evidence.tests if evidence else ())}
        for evidence in map(calibrated_by, (before, now))
    )
    both = old.keys() & new.keys()
    parts = [
        ("new", sorted(new.keys() - old.keys())),
        ("no longer used", sorted(old.keys() - new.keys())),
        ("changed or weighed anew", sorted(name for name in both if old[name] != new[name])),
    ]
    return "; ".join(f"{what}: {listed(names)}" for what, names in parts if names)
