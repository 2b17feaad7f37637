"""What a specification says of promotion: how well the past must have been forecast, and how far an answer may move.

No fit reads it: a threshold that is changed makes no other version of a posterior.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from mmm_core.spec.media_spec import Strict
from mmm_core.spec.names import Day


class TrackRecord(Strict):
    """Thresholds for the forecasts of earlier weeks, once they have come due."""

    weeks: int = Field(default=52, ge=13, description="as-of weeks back whose versions are scored")
    forecasts: int = Field(
        default=4, ge=1, description="forecasts of a horizon that must have come due before it is judged"
    )
    coverage_90: tuple[float, float] = Field(
        default=(0.6, 1.0), description="share of weeks that their 90 % intervals must have held, from and to"
    )
    crps_ratio: float = Field(
        default=1.25, gt=0, description="their CRPS over that of last season's values, at most"
    )

    @field_validator("coverage_90")
    @classmethod
    def _shares_from_low_to_high(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= ends[0] < ends[1] <= 1:
            raise ValueError(
                f"write two shares between 0 and 1, the lower first, got [{ends[0]:g}, {ends[1]:g}]"
            )
        return ends


class StableAnswer(Strict):
    """Thresholds for what moved since the last published week."""

    within_interval: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the channels whose ROI must lie in the 90 % interval of then",
    )
    contribution_turnover: float = Field(
        default=0.1, ge=0, description="share of the KPI that may move from one channel to another"
    )
    budget_turnover: float = Field(
        default=0.3, ge=0, le=1, description="share of the recommended budget that may move"
    )


class Accepted(Strict):
    """A person's word that the version of one as-of week goes live although a threshold is missed."""

    as_of_week: Day = Field(description="the Monday of the last week of its data")
    by: str = Field(min_length=1, description="who looked at what moved")
    why: str = Field(min_length=1, description="why it is right")


class Promotion(Strict):
    """What a version must show, beside its review, before it goes live."""

    backtest: TrackRecord = TrackRecord()
    stability: StableAnswer = StableAnswer()
    accepted: tuple[Accepted, ...] = Field(
        default=(), description="as-of weeks whose version goes live although it misses a threshold"
    )
