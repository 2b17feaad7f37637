"""What a specification says of the baseline: what would have sold without media."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mmm_core.spec.media_spec import Positive, Strict, as_prior
from mmm_core.spec.names import Component, Day

LEARNED = "learned"
"""In `baseline.shrinkage`: the table says how far the terms of a group may move the KPI."""

BASELINE, SEASONALITY, HOLIDAYS = "baseline", "seasonality", "holidays"
"""Parts of the baseline, as components of the outcome beside channels, controls, treatments, events and steps."""


class Seasonality(Strict):
    """Fourier terms: `order` pairs of sine and cosine with `period` in weeks."""

    period: float = Field(default=52.18, gt=2)
    order: int = Field(default=2, ge=0, le=26)


class Holidays(Strict):
    """Public holidays of a country as named events, from the `holidays` package."""

    country: str = Field(description="ISO code such as US, GB, DE")
    subdivision: str | None = Field(default=None, description="state or province, such as CA")
    names: tuple[str, ...] = Field(default=(), description="only these; every public holiday where empty")
    window: tuple[int, int] = Field(
        default=(0, 0), description="weeks before and after that have an effect of their own"
    )

    @field_validator("window")
    @classmethod
    def _around(cls, window: tuple[int, int]) -> tuple[int, int]:
        if not -8 <= window[0] <= 0 <= window[1] <= 8:
            raise ValueError(f"window [{window[0]}, {window[1]}] must hold 0 and reach 8 weeks at most")
        return window


Scale = Literal["learned"] | Annotated[float, Field(gt=0, strict=True)]


class Shrinkage(Strict):
    """Prior sd of the baseline's coefficients in standard deviations of the noise: learned from the table, or stated.

    A learned scale is that of the whole group; a harmonic's falls with its number as the table says, and a control may
    have one of its own.
    """

    seasonality: Scale = "learned"
    controls: Scale = "learned"
    holidays: Scale = 2.0


class Baseline(Strict):
    """What would have sold without media: level, slope, seasonality, holidays, events, steps."""

    level: Literal["random_walk", "linear", "constant"] = "random_walk"
    level_sd: Positive = Field(
        default=as_prior(halfnormal=[0.1]),
        description="weekly step of the level, in robust standard deviations of the KPI",
    )
    slope: Literal["none", "constant", "random_walk"] = Field(
        default="none", description="drift of a random-walk level: none, constant, or moving itself"
    )
    slope_sd: Positive = Field(
        default=as_prior(halfnormal=[0.005]),
        description="weekly step of a random-walk slope, in robust standard deviations of the KPI a week",
    )
    seasonality: Seasonality = Seasonality()
    holidays: Holidays | None = None
    events: dict[Component, list[Day]] = Field(
        default={}, description="named weeks with an effect of their own"
    )
    steps: dict[Component, Day] = Field(
        default={}, description="named changes of level that stay, from a date on"
    )
    shrinkage: Shrinkage = Shrinkage()

    @model_validator(mode="after")
    def _slope_of_a_walk(self) -> Baseline:
        if self.slope != "none" and self.level != "random_walk":
            raise ValueError(f"a slope belongs to `level: random_walk`; `level: {self.level}` has its own")
        return self
