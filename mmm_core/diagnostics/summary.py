"""One page on a posterior: how it was sampled, whether it converged, what each channel returned."""

from __future__ import annotations

from typing import Any

import xarray as xr

from mmm_core.diagnostics.convergence import worst
from mmm_core.effects.roi import roi_table
from mmm_core.posterior.labels import outcome_name, return_name
from mmm_core.posterior.schema import spec_of

STATISTICS = ("mean", "median", "sd", "q05", "q95")
"""Figures of each channel's metrics."""


def summary(tree: xr.DataTree) -> dict[str, Any]:
    """A posterior's summary, ready for `json.dumps`.

    Keys: model, spec_hash, kpi; engine, and what is approximate about it ("" where nothing is); compile_seconds,
    sampling_seconds, total_seconds; chains, warmup, draws (a chain), weeks, geos; rhat_max, ess_bulk_min and
    ess_tail_min over all monitored quantities, each with the quantity it is of (`..._at`); divergences; outcome
    (what contributions are counted in) and returns (what an roi is, such as "revenue per unit of spend"); roi, mroi,
    contribution, contribution_share, spend and, where the KPI is not revenue, cpik: channel -> mean, median, sd, q05,
    q95. A figure that is not defined (R-hat of one chain, the mean of a cost that is infinite in some draws) is None.
    """
    spec, posterior, stats = spec_of(tree), tree["posterior"], tree["sample_stats"]
    rhat, rhat_at = worst(tree, "rhat", largest=True)
    bulk, bulk_at = worst(tree, "ess", largest=False, method="bulk")
    tail, tail_at = worst(tree, "ess", largest=False, method="tail")
    metrics: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in roi_table(tree).to_dict("records"):
        channel, metric = str(row.pop("channel")), str(row.pop("metric"))
        metrics.setdefault(metric, {})[channel] = {name: _number(float(row[name])) for name in STATISTICS}
    compile_seconds, sampling_seconds = (
        float(stats.attrs[f"{part}_seconds"]) for part in ("compile", "sampling")
    )
    return {
        "model": spec.model,
        "spec_hash": str(tree.attrs["spec_hash"]),
        "engine": str(tree.attrs["engine"]),
        "approximate": str(tree.attrs["approximate"]),
        "kpi": spec.kpi.column,
        "compile_seconds": compile_seconds,
        "sampling_seconds": sampling_seconds,
        "total_seconds": float(tree.attrs.get("total_seconds", compile_seconds + sampling_seconds)),
        "chains": int(posterior.sizes["chain"]),
        "warmup": int(stats.attrs["warmup"]),
        "draws": int(posterior.sizes["draw"]),
        "weeks": int(posterior.sizes["week"]),
        "geos": int(posterior.sizes["geo"]),
        "rhat_max": _number(rhat),
        "rhat_max_at": rhat_at,
        "ess_bulk_min": _number(bulk),
        "ess_bulk_min_at": bulk_at,
        "ess_tail_min": _number(tail),
        "ess_tail_min_at": tail_at,
        "divergences": int(stats["diverging"].sum()),
        "outcome": outcome_name(spec),
        "returns": return_name(spec),
        **metrics,
    }


def _number(value: float) -> float | None:
    return value if value == value else None  # JSON has no nan
