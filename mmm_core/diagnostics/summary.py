"""One page on a posterior: how it was sampled, whether it converged, what each channel returned."""

from __future__ import annotations

import math
from typing import Any

import xarray as xr

from mmm_core.effects.roi import roi_table
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import outcome_name, return_name

STATISTICS = ("mean", "median", "sd", "q05", "q95")
"""Figures of each channel's metrics."""


def summary(tree: xr.DataTree | Posterior) -> dict[str, Any]:
    """A posterior's summary, ready for `json.dumps`.

    Keys: model, spec_hash, kpi; engine, and what is approximate about it ("" where nothing is); compile_seconds,
    sampling_seconds, total_seconds; chains, warmup, draws (a chain), weeks, geos; rhat_max, ess_bulk_min and
    ess_tail_min over all monitored quantities, each with the quantity it is of (`..._at`); divergences; outcome
    (what contributions are counted in) and returns (what an roi is, such as "revenue per unit of spend"); roi, mroi,
    contribution, contribution_share, spend and, where the KPI is not revenue, cpik: channel -> mean, median, sd, q05,
    q95. A figure that is not defined (R-hat of one chain, the mean of a cost that is infinite in some draws) is None.
    """
    posterior = Posterior.of(tree)
    spec, stats = posterior.spec, posterior.sample_stats
    metrics: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in roi_table(posterior).to_dict("records"):
        channel, metric = str(row.pop("channel")), str(row.pop("metric"))
        metrics.setdefault(metric, {})[channel] = {name: _number(float(row[name])) for name in STATISTICS}
    return {
        "model": spec.model,
        "spec_hash": str(posterior.attrs["spec_hash"]),
        "engine": posterior.engine,
        "approximate": posterior.approximate,
        "kpi": spec.kpi.column,
        **sampling(posterior),
        "chains": posterior.chains,
        "warmup": int(stats.attrs["warmup"]),
        "draws": posterior.draws_a_chain,
        "weeks": int(posterior.data.sizes["week"]),
        "geos": int(posterior.data.sizes["geo"]),
        "outcome": outcome_name(spec),
        "returns": return_name(spec),
        **metrics,
    }


def sampling(tree: xr.DataTree | Posterior) -> dict[str, Any]:
    """What a summary says of how a posterior was sampled and whether it converged; nothing of its returns.

    Keys: compile_seconds, sampling_seconds, total_seconds; rhat_max, ess_bulk_min, ess_tail_min, each with `..._at`;
    divergences.
    """
    posterior = Posterior.of(tree)
    stats = posterior.sample_stats
    compile_seconds, sampling_seconds = (
        float(stats.attrs[f"{part}_seconds"]) for part in ("compile", "sampling")
    )
    rhat, rhat_at = posterior.mixing.worst("rhat")
    bulk, bulk_at = posterior.mixing.worst("ess_bulk")
    tail, tail_at = posterior.mixing.worst("ess_tail")
    return {
        "compile_seconds": compile_seconds,
        "sampling_seconds": sampling_seconds,
        "total_seconds": float(posterior.attrs.get("total_seconds", compile_seconds + sampling_seconds)),
        "rhat_max": _number(rhat),
        "rhat_max_at": rhat_at,
        "ess_bulk_min": _number(bulk),
        "ess_bulk_min_at": bulk_at,
        "ess_tail_min": _number(tail),
        "ess_tail_min_at": tail_at,
        "divergences": int(stats["diverging"].sum()),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has neither nan nor infinity
