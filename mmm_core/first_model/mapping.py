"""The specification that recognised columns make, and what it would miss."""

from __future__ import annotations

from typing import Any

from mmm_core.errors import listed
from mmm_core.first_model import words
from mmm_core.first_model.recognised import LAGS, Recognised

SEASONS = ((78, 2), (52, 1), (0, 0))
"""Modelled weeks from which on so many waves of a season can be told from a level."""

HISTORY = 104
"""Weeks in which a season is seen twice."""


def mapping_of(found: Recognised, model: str) -> dict[str, Any]:
    """The specification, as its YAML has it."""
    frame = found.frame
    time: dict[str, Any] = {"column": frame.week} if frame.week != "week_start" else {}
    if frame.marks == "end":
        time["marks"] = "end"
    time |= {
        key: str(day.date()) for key, day in (("from", found.from_), ("to", found.to)) if day is not None
    }
    kpi: dict[str, Any] = {"column": found.kpi}
    if found.worth:
        kpi["revenue_per_unit"] = found.worth
    if not found.revenue:
        kpi["kind"] = "non_revenue"
    if found.gappy:
        kpi["gaps"] = "leave_out"
    media: dict[str, Any] = {"channels": {channel.name: channel.entry for channel in found.paid}}
    if found.l_max != LAGS[0][1]:
        media = {"defaults": {"adstock": {"l_max": found.l_max}}, **media}
    if found.organic:
        media["organic"] = {channel.name: channel.entry for channel in found.organic}
    order = next(order for weeks, order in SEASONS if found.modelled >= weeks)
    baseline: dict[str, Any] = {"seasonality": {"order": order}} if order != SEASONS[0][1] else {}
    if found.events:
        baseline["events"] = found.events
    geo = (
        {"column": frame.geo} | ({"population": found.population} if found.population else {})
        if frame.geo
        else {}
    )
    treatments = {name: _treatment(name) for name in found.treatments}
    parts: dict[str, Any] = {
        "filter": dict(frame.filter), "time": time, "kpi": kpi, "geo": geo, "media": media,
        "controls": found.controls, "treatments": treatments, "baseline": baseline,
    }  # fmt: skip
    return {
        "model": model, "table": f"weekly_tables/{model}",
        **{key: value for key, value in parts.items() if value},
    }  # fmt: skip


def gaps_of(found: Recognised) -> list[str]:
    """What a model of these columns would miss."""
    gaps = list(found.gaps)
    if found.modelled < HISTORY:
        gaps.append(f"weeks: {found.modelled} are modelled, and a season is seen twice in {HISTORY}")
    if not found.treatments:
        gaps.append(
            "price and promotion: no column of either, so what they bring goes to the level, or to media"
        )
    if not found.controls:
        gaps.append("controls: no column of what moves demand by itself (economy, weather, competitors)")
    if not found.events and not any(words.has(words.tokens(name), words.HOLIDAY) for name in found.controls):
        gaps.append(
            "holidays: state the country (`baseline: {holidays: {country: US}}`), or events by their dates"
        )
    bare = [channel.name for channel in found.paid if not (channel.exposure or channel.reach)]
    if bare:
        gaps.append(
            f"exposure of {listed(bare)}: spend is modelled by itself, and with it every change of price"
        )
    return gaps


def _treatment(name: str) -> dict[str, Any]:
    price = words.has(words.tokens(name), words.PRICES)
    return {"column": name, "baseline": "mean"} if price else {"column": name}
