"""A quick approximate engine: the normal distribution at the posterior's mode, with the curvature that is found there.

The mode and the curvature are those of the density that the default engine samples from, the Gaussian block integrated
out, on the unconstrained scale (Tierney and Kadane 1986). Level, seasonality, controls and geo effects that the block
integrates out are drawn exactly given each draw.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmm_core.errors import InputError
from mmm_core.inference.engines import EngineResult, FitOptions
from mmm_core.inference.engines.normal_approximation import (
    Approximation,
    approximate,
    find_mode,
    hessian,
)
from mmm_core.inference.engines.report import Report
from mmm_core.inference.engines.target import Target
from mmm_core.model.prepare import PreparedModel
from mmm_core.spec.model_spec import ModelSpec

# Parameters that a dense curvature is worked out for; every entry of noise weights and geo deviations counts.
LARGEST = 1000

STARTS = 4


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: more parameters than `LARGEST`, no mode, or a curvature that no normal distribution has.
    """
    spec = prepared.spec

    def find(posterior: Target, report: Report) -> tuple[Approximation, str, dict[str, Any]]:
        if posterior.size > LARGEST:
            raise InputError(_too_many(spec, posterior.names))
        mode, modes = find_mode(
            posterior, STARTS, spec.fit.seed, lambda done, of: report("finding the mode", done, of)
        )
        report("curvature", STARTS, STARTS)
        curvature = hessian(posterior, mode)
        return approximation_at(mode, curvature, posterior.names), "", {"modes": modes}

    return approximate(prepared, options, STARTS, find)


def approximation_at(mode: np.ndarray, curvature: np.ndarray, names: tuple[str, ...]) -> Approximation:
    """The normal distribution with a mode (parameter,) and curvature (parameter, parameter) there.

    Raises:
        InputError: the curvature is not positive in every direction; `names` says which parameter is at fault.
    """
    try:
        lower = np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        _, vectors = np.linalg.eigh(curvature)
        flat = names[int(np.argmax(np.abs(vectors[:, 0])))]
        raise InputError(
            f"engine laplace: at the mode the posterior does not fall off in every direction ({flat} is the nearest "
            "to flat), so it has no normal approximation there: use `fit: {engine: numpyro}`"
        ) from None
    upper = np.linalg.solve(lower, np.eye(len(lower))).T
    # a QR factor turns the upper root of the covariance into a lower one
    lower_root = np.asarray(np.linalg.qr(upper.T, mode="r")).T
    return Approximation(mode, lower_root * np.sign(np.diag(lower_root)))


def _too_many(spec: ModelSpec, names: tuple[str, ...]) -> str:
    largest = max(set(names), key=names.count)
    remedy = {
        "noise_weight": "`likelihood: normal`",
        "geo_deviation": "`geo: {effects: normal}`, which is integrated out",
    }.get(largest, "fewer parameters")
    return (
        f"model {spec.model}: engine laplace works out the curvature of {LARGEST} parameters at most, and "
        f"{len(names)} are sampled, {names.count(largest)} of them {largest}: use {remedy}, or "
        "`fit: {engine: numpyro}`"
    )
