"""What a specification says of the outcome: the KPI and its noise, of which weeks, of which geos."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmm_core.priors import Prior
from mmm_core.spec.media_spec import Positive, Strict, as_prior
from mmm_core.spec.names import Column, Day


class Kpi(Strict):
    """The outcome: revenue itself, or units with a column that says what one is worth."""

    column: Column
    revenue_per_unit: Column | None = None
    kind: Literal["revenue", "non_revenue"] = Field(
        default="revenue",
        description="non_revenue: units nobody can price; effects are then in units, priors common to all channels",
    )
    scale: Literal["level", "log"] = Field(
        default="level", description="log: effects multiply instead of adding up"
    )
    gaps: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="weeks without a KPI: refuse the table, or leave them out of the likelihood",
    )


class Time(Strict):
    """The week column, what its dates mark, and the window: from the week that holds one day to that of another."""

    column: Column = "week_start"
    marks: Literal["start", "end"] = Field(
        default="start",
        description="start: a date is the first day of its week; end: it is the last, as in resampled tables",
    )
    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Time:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"from {self.from_} is not before to {self.to}")
        return self


class Geo(Strict):
    """A panel of geos; media and KPI are modelled per head where a population column is named."""

    column: Column = "geo"
    pooling: Literal["partial", "complete", "none"] = "partial"
    effects: Literal["normal", "lognormal"] = Field(
        default="normal",
        description="distribution of a channel's effect over geos; normal ones are integrated out, which is faster",
    )
    spread: Positive = Field(
        default=as_prior(gamma=[2, 10]),
        description="sd over geos of a channel's effect, relative to its mean",
    )
    population: Column | None = Field(
        default=None,
        description="column of people, above 0 in every week; that of the last week counts, and may drift by 5 %",
    )


class StudentT(Strict):
    """Noise with heavy tails, so that outlier weeks weigh little."""

    kind: Literal["student_t"] = "student_t"
    nu: Positive = Field(default=Prior.model_validate(4.0), description="degrees of freedom")
