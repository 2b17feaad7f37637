"""What a specification says of its table's health: by which thresholds the data are judged before any fit."""

from __future__ import annotations

from pydantic import Field, model_validator

from mmm_core.spec.media_spec import Strict


class DataHealth(Strict):
    """Thresholds of the diagnostics of a model's table; see docs/data-health.md for the reason of each default."""

    missing: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="share of the KPI's weeks that is missing, at most; of other columns none",
    )
    most_missing: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="share of any column's weeks that is missing, from which on nothing is fitted",
    )
    undelivered: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="share of a channel's weeks that its source did not deliver, or in part",
    )
    outlier: float = Field(
        default=5.0, gt=0, description="robust standard deviations from the weeks around, at most"
    )
    level_shift: float = Field(
        default=4.0,
        gt=0,
        description="standard errors by which a series shifts for good, at most",
    )
    weeks_on: int = Field(default=13, ge=0, description="weeks in which a channel is on, at least")
    weeks_off: int = Field(default=26, ge=1, description="weeks in a row in which a channel is off, at most")
    changed: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of the weeks in which a channel's media differ from the week before by a tenth of their "
        "mean, at least",
    )
    share_of_spend: float = Field(
        default=0.01, ge=0, le=1, description="a channel's share of all spend, at least"
    )
    spend_to_revenue: tuple[float, float] = Field(
        default=(0.001, 1.0), description="all spend over all revenue, lowest and highest"
    )
    variance_inflation: float = Field(
        default=10.0, ge=1, description="variance inflation factor of a column beside the others, at most"
    )
    condition: float = Field(
        default=30.0, ge=1, description="condition number of all columns together, at most"
    )
    correlation: float = Field(
        default=0.95, ge=0, le=1, description="of two columns, at most: beyond nothing tells them apart"
    )
    identical: float = Field(
        default=0.9999, gt=0, le=1, description="the same, from which on nothing is fitted"
    )
    season: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="share of a channel's variation that the season explains, at most",
    )
    observations_per_parameter: float = Field(
        default=2.0, ge=0, description="observed weeks (and geos) to a parameter, at least"
    )
    least_observations_per_parameter: float = Field(
        default=1.0, ge=0, description="the same, below which nothing is fitted"
    )

    @model_validator(mode="after")
    def _warn_before_refusing(self) -> DataHealth:
        low, high = self.spend_to_revenue
        if not 0 <= low < high:
            raise ValueError(f"spend_to_revenue: write the lower end first, got [{low:g}, {high:g}]")
        for warn, fail, rises in (
            ("missing", "most_missing", True),
            ("correlation", "identical", True),
            ("observations_per_parameter", "least_observations_per_parameter", False),
        ):
            first, last = getattr(self, warn), getattr(self, fail)
            if (first > last) if rises else (first < last):
                raise ValueError(
                    f"{warn} {first:g} warns and {fail} {last:g} refuses: what is refused is warned of before"
                )
        return self
