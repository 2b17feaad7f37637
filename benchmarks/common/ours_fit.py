"""Fit a job with this library, in a process of its own: python -m benchmarks.common.ours_fit FOLDER."""

import time

STARTED = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
import numpyro.infer.util  # noqa: E402, F401
import pandera.pandas  # noqa: E402, F401
import xarray as xr  # noqa: E402

import mmm_core.inference.fit  # noqa: E402
from benchmarks.common.job import Job, read_job, write_result  # noqa: E402
from mmm_core.spec.model_spec import ModelSpec, parse_spec  # noqa: E402

IMPORTED = time.perf_counter()


def spec_of(job: Job) -> ModelSpec:
    """The model of a job. `settings["carryover"]` replaces or adds keys of the specification."""
    mapping: dict[str, Any] = {
        "model": "benchmark",
        "table": "weekly_tables/benchmark",
        "kpi": {"column": job.kpi},
        "time": {"column": job.time},
        "media": {
            "defaults": {"adstock": {"l_max": job.l_max}},
            "channels": {
                name: {"spend": spend, **({"exposure": job.exposure[name]} if name in job.exposure else {})}
                for name, spend in job.spend.items()
            },
        },
        "controls": list(job.controls),
        "baseline": {"seasonality": {"order": job.season_order}},
        "fit": {"chains": job.chains, "draws": job.draws, "seed": job.seed},
    }
    if job.revenue_per_kpi:
        mapping["kpi"]["revenue_per_unit"] = job.revenue_per_kpi
    if job.geo:
        mapping["geo"] = {"column": job.geo, "population": job.population}
    if job.warmup:
        mapping["fit"]["warmup"] = job.warmup
    return parse_spec(_merged(mapping, job.settings.get("carryover", {})))


def _merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in more.items():
        out[key] = (
            _merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
        )
    return out


def named_draws(tree: xr.DataTree, job: Job) -> dict[str, np.ndarray]:
    """The quantities that every system reports: ROI, media parameters, noise, controls, weekly baseline."""
    posterior, data = tree["posterior"].to_dataset(), tree["constant_data"].to_dataset()
    fixed, design = posterior["fixed_effect"], data["design"]
    control = fixed["term"].isin(list(job.controls))
    rest = ~control.to_numpy()
    per_geo = posterior["level"].to_numpy()[:, :, None, :] + np.einsum(
        "cdgt,gwt->cdgw",
        fixed.transpose("chain", "draw", "geo", "term").to_numpy()[..., rest],
        design.transpose("geo", "week", "term").to_numpy()[..., rest],
        optimize=True,
    )
    draws = {
        "roi": posterior["roi"].to_numpy(),
        "control": fixed.to_numpy()[..., ~rest],
        "baseline": per_geo.mean(axis=2),
    }
    if job.geo:
        draws["baseline_geo"] = per_geo.mean(axis=3)
    named = ("roi", "level", "fixed_effect")
    return draws | {str(name): values.to_numpy() for name, values in posterior.items() if name not in named}


def main(folder: Path) -> None:
    job, table = read_job(folder)
    spec = spec_of(job)
    begun, cpu = time.perf_counter(), time.process_time()
    tree = mmm_core.inference.fit.fit(table, spec)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    stats = tree["sample_stats"]
    result = {
        "fit_s": seconds,
        "cpu_s": cpu,
        "import_s": IMPORTED - STARTED,
        "divergences": int(stats["diverging"].sum()),
        "compile_s": stats.attrs.get("compile_seconds"),
        "sampling_s": stats.attrs.get("sampling_seconds"),
        "gradients": int(stats["num_steps"].sum()) if "num_steps" in stats else None,
        "warmup": stats.attrs.get("warmup"),
        "warmup_gradients": stats.attrs.get("warmup_steps"),
        "device": jax.devices()[0].platform,
        "configuration": {
            "warmup_at_most": spec.fit.warmup,
            "draws": spec.fit.draws,
            "precision": spec.fit.precision,
        },
    }
    write_result(folder, named_draws(tree, job), result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
