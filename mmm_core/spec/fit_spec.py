"""What a specification says of how its posterior is computed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmm_core.spec.media_spec import Strict

LEAST_DRAWS, MOST_DRAWS = 100, 100_000
"""Iterations a chain that a model may ask for. No figure is better for more; a slip of the pen would never end."""


class Fit(Strict):
    """How the posterior is computed."""

    engine: Literal["numpyro", "laplace", "advi", "pymc", "meridian", "ridge"] = "numpyro"
    chains: int = Field(default=4, ge=1, le=64)
    warmup: int = Field(default=400, ge=LEAST_DRAWS, le=MOST_DRAWS)
    draws: int = Field(default=1000, ge=LEAST_DRAWS, le=MOST_DRAWS)
    seed: int = Field(default=7, ge=0, lt=2**32)
    target_accept: float = Field(default=0.8, gt=0.5, lt=1)
    precision: Literal["auto", "float64", "float32"] = Field(
        default="auto", description="auto: float64 on a CPU, float32 on a GPU"
    )
    layout: Literal["auto", "devices", "vectorized"] = Field(
        default="auto",
        description="devices: chains on devices of their own, auto on a CPU; vectorized: all in one, auto on a GPU",
    )
