"""What a specification says of readiness: when a recommended budget may be acted on."""

from __future__ import annotations

from pydantic import Field

from mmm_core.spec.file_beside import FileBeside
from mmm_core.spec.margin import Margin
from mmm_core.spec.media_spec import Strict


class Readiness(Strict):
    """Thresholds of the gates that a recommended budget passes before it is called ready; see docs/readiness.md."""

    history_weeks: int = Field(
        default=104,
        ge=0,
        description="weeks that the model has seen, at least: two years show a season twice",
    )
    unproven: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the moved money, at most, on channels that neither a lift test nor the data speak for",
    )
    moved: float = Field(
        default=0.25, ge=0, description="share of the last period's spend, at most, that is spent otherwise"
    )
    channel_change: float = Field(
        default=0.5,
        ge=0,
        description="change of a channel's spend against the last period, at most: 0.5 is 50 %",
    )
    extrapolation: float = Field(
        default=1.2,
        gt=0,
        description="a channel's highest planned week, at most, as a multiple of the highest that the model has seen",
    )
    probability: float = Field(
        default=0.8, ge=0, le=1, description="of a gain over spending as in the last period, at least"
    )
    profit: float = Field(
        default=0.0,
        description="expected gain in profit over the horizon, at least, in the currency of revenue",
    )
    margin: Margin | None = Field(
        default=None,
        description="the model's `margin`: money that one unit of the outcome leaves before media. Where none is known "
        "all of revenue counts, and of a KPI without revenue its units",
    )
    overrides: FileBeside | None = Field(
        default=None,
        description="CSV beside this file: who lets which gate pass, until when and why",
    )
