"""What runs in Meridian's own environment: `python worker.py FOLDER` fits the job in a folder and leaves draws there.

A script of its own: it imports what that environment has (Meridian, JAX, NumPy, xarray) and nothing of this library.
The engine imports it for the names below only, so that it counts as source of the engine's posteriors.

    FOLDER/job.json, arrays.npz      what to fit, see `mmm_core.inference.engines.meridian.job`
    FOLDER/result.json, draws.npz    what came of it: Meridian's own variables on Meridian's own scales
    FOLDER/error.txt                 or what Meridian refused it with

Standard output carries a line for each phase and nothing else; whatever Meridian and its libraries print goes to
standard error. The process ends with the one that started it: it waits for the end of its standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

JOB, ARRAYS, RESULT, DRAWS, ERROR = "job.json", "arrays.npz", "result.json", "draws.npz", "error.txt"
PHASES = ("starting Meridian", "building the model", "compiling and sampling", "summarising")

PER_CHANNEL = ("alpha", "ec", "slope", "eta")
# A fixed value among parameters that vary: Meridian has no place for a point there, so it is an interval this wide.
_WIDTH = 1e-9


def main(folder: Path) -> None:
    """Fit the job of a folder."""
    say = _phases()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    say(0)
    os.environ["MERIDIAN_BACKEND"] = "jax"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    started = time.perf_counter()
    import jax
    import meridian
    import numpy as np
    from immutabledict import immutabledict  # hashable, as a static argument of a compiled program has to be
    from meridian.model.model import Meridian

    imported = time.perf_counter()
    say(1)
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    with np.load(folder / ARRAYS) as stored:
        arrays = dict(stored)
    _give_hill_a_gradient_at_0()
    model = Meridian(input_data=_input_data(job, arrays), model_spec=_model_spec(job, arrays))
    say(2)
    begun = time.perf_counter()
    model.sample_posterior(
        n_chains=job["chains"],
        n_adapt=job["adapt"],
        n_burnin=job["burnin"],
        n_keep=job["draws"],
        dual_averaging_kwargs=immutabledict(target_accept_prob=job["target_accept"]),
        seed=job["seed"],
    )
    sampled = time.perf_counter()
    say(3)
    np.savez(folder / DRAWS, **_draws(model), **_scales(model, arrays))
    result = {
        "versions": {"google-meridian": meridian.__version__, "jax": jax.__version__},
        "import_seconds": imported - started,
        "prepare_seconds": begun - imported,
        "sampling_seconds": sampled - begun,
    }
    partial = folder / f"{RESULT}.partial"
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(folder / RESULT)


def _phases() -> Any:
    """Says a phase on the real standard output; what anyone else prints goes to standard error from now on."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(phase: int) -> None:
        told.write(f"{PHASES[phase]}\n")
        told.flush()

    return say


def _end_with_parent() -> None:
    """End this process when whoever started it is gone, however it went."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def _give_hill_a_gradient_at_0() -> None:
    """Meridian's Hill curve, value for value, with a gradient where there is no media.

    Its own has none for a slope below 1 after as many weeks without media as carry over, and every transition diverges.
    """
    from meridian import backend
    from meridian.model import adstock_hill

    curve = adstock_hill._hill

    def from_zero(media: Any, ec: Any, slope: Any) -> Any:
        positive = media > 0
        response = curve(media=backend.where(positive, media, backend.ones_like(media)), ec=ec, slope=slope)
        return backend.where(positive, response, backend.zeros_like(response))

    adstock_hill._hill = from_zero


def _input_data(job: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The job's table as Meridian's input."""
    import xarray as xr
    from meridian.data.input_data import InputData

    geo, time_, media_time = job["geos"], job["weeks"], job["media_weeks"]

    def labelled(name: str, **coords: Any) -> Any:
        return xr.DataArray(arrays[name], dims=tuple(coords), coords=coords, name=name)

    parts = {
        "kpi": labelled("kpi", geo=geo, time=time_),
        "population": labelled("population", geo=geo),
        "media": labelled("media", geo=geo, media_time=media_time, media_channel=job["paid"]),
        "media_spend": labelled("media_spend", geo=geo, time=time_, media_channel=job["paid"]),
    }
    if "revenue_per_kpi" in arrays:
        parts["revenue_per_kpi"] = labelled("revenue_per_kpi", geo=geo, time=time_)
    if job["controls"]:
        parts["controls"] = labelled("controls", geo=geo, time=time_, control_variable=job["controls"])
    if job["organic"]:
        parts["organic_media"] = labelled(
            "organic_media", geo=geo, media_time=media_time, organic_media_channel=job["organic"]
        )
    return InputData(kpi_type="non_revenue", **parts)


def _model_spec(job: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The job's model; what it does not state is Meridian's default."""
    from meridian.model.prior_distribution import PriorDistribution
    from meridian.model.spec import ModelSpec

    held = ~arrays["observed"]
    return ModelSpec(
        prior=PriorDistribution(**{name: _distribution(stated) for name, stated in job["priors"].items()}),
        media_effects_dist="log_normal",
        hill_before_adstock=job["hill_before_adstock"],
        max_lag=job["max_lag"],
        media_prior_type=job["media_prior_type"],
        organic_media_prior_type="contribution",
        knots=job["knots"],
        holdout_id=(held if len(held) > 1 else held[0]) if held.any() else None,
        adstock_decay_spec=job["adstock"],
        saturation_spec=job["saturation"],
    )


def _distribution(stated: list[dict[str, Any]]) -> Any:
    """One distribution of several channels' stated priors, [{family, parameters, times}, ...]."""
    families = {one["family"] for one in stated}
    if families == {"fixed"}:
        from meridian import backend

        values = [one["parameters"][0] * one["times"] for one in stated]
        return backend.tfd.Deterministic(backend.to_tensor(values, dtype=backend.float_dtype))
    if len(families) == 1:
        return _one_family(stated)
    return _side_by_side([_one_family([one]) for one in stated])


def _one_family(stated: list[dict[str, Any]]) -> Any:
    """Priors of one family of this library's, each `times` a number, as one distribution (channel,)."""
    import numpy as np
    from meridian import backend

    family, times = stated[0]["family"], np.array([one["times"] for one in stated])
    numbers = np.array([one["parameters"] for one in stated], dtype=float).T
    if family == "fixed":
        family, numbers = (
            "uniform",
            np.stack([numbers[0], numbers[0] + _WIDTH * np.maximum(abs(numbers[0]), 1)]),
        )
    name = {
        "normal": "Normal",
        "lognormal": "LogNormal",
        "halfnormal": "HalfNormal",
        "beta": "Beta",
        "gamma": "Gamma",
        "exponential": "Exponential",
        "uniform": "Uniform",
    }[family]
    vectors = [backend.to_tensor(vector, dtype=backend.float_dtype) for vector in numbers]
    base = getattr(backend.tfd, name)(*vectors)
    if (times == 1).all():
        return base
    by = backend.bijectors.Scale(backend.to_tensor(times, dtype=backend.float_dtype))
    return backend.tfd.TransformedDistribution(base, by)


def _side_by_side(parts: list[Any]) -> Any:
    """One distribution of several, each of one channel: Meridian's own, whose cuts of a vector JAX cannot compile."""
    from meridian import backend
    from meridian.model.prior_distribution import IndependentMultivariateDistribution

    class SideBySide(IndependentMultivariateDistribution):
        def _log_prob(self, value: Any) -> Any:
            value = self._broadcast_value(value)
            densities = [part.log_prob(value[..., i : i + 1]) for i, part in enumerate(self.distributions)]
            return backend.concatenate(densities, axis=-1)

    return SideBySide(parts)


def _draws(model: Any) -> dict[str, Any]:
    """Draws (chain, draw, ...) of the variables that the engine reads, and the sampler's statistics."""
    import numpy as np

    data = model.inference_data
    treatments = ("m", "om")
    wanted = [f"{name}_{of}" for name in (*PER_CHANNEL, "roi", "mroi", "contribution") for of in treatments]
    wanted += ["beta_gm", "beta_gom", "mu_t", "tau_g", "gamma_gc", "sigma"]
    found = {name: data.posterior[name].values for name in wanted if name in data.posterior}
    for ours, theirs in (("diverging", "diverging"), ("num_steps", "n_steps"), ("step_size", "step_size")):
        found[f"stats_{ours}"] = data.sample_stats[theirs].values
    found["stats_energy"] = -data.trace["target_log_prob"].values
    accepted = "accept_ratio" if "accept_ratio" in data.trace else "is_accepted"
    found["stats_acceptance_rate"] = np.asarray(data.trace[accepted].values, dtype=float)
    return found


def _scales(model: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    """The numbers by which Meridian scaled the KPI and the media."""
    import numpy as np
    from meridian import backend
    from meridian.model.transformers import MediaTransformer

    population = backend.to_tensor(arrays["population"], dtype=backend.float_dtype)
    kpi = model.model_context.kpi_transformer
    media = [arrays[name] for name in ("media", "organic_media") if name in arrays]
    unit = [
        np.asarray(
            MediaTransformer(
                backend.to_tensor(values, dtype=backend.float_dtype), population
            ).population_scaled_median_m
        )
        for values in media
    ]
    return {
        "scale_kpi_mean": np.asarray(kpi.population_scaled_mean),
        "scale_kpi_sd": np.asarray(kpi.population_scaled_stdev),
        "scale_media": np.concatenate(unit),
    }


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:
        Path(sys.argv[1], ERROR).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        raise
