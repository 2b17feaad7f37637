"""What the `experiments:` section of a model's YAML may say: which experiments are asked about, and at what price.

Nothing of it is read by a fit.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from mmm_core.spec.margin import Margin
from mmm_core.spec.media_spec import Strict

Weeks = Annotated[int, Field(ge=2, le=52)]
Change = Annotated[float, Field(ge=-1, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]


class Experiments(Strict):
    """Candidates of an experiment and how their worth is counted; see docs/experiments.md."""

    channels: tuple[str, ...] = Field(
        default=(), description="paid channels to test; all of them where empty"
    )
    weeks: tuple[Weeks, ...] = Field(default=(4, 6, 8), min_length=1, description="durations")
    changes: tuple[Change, ...] = Field(
        default=(-1.0, -0.5, 0.5, 1.0),
        min_length=1,
        description="change of the channel's spend: -1 switches it off, -0.5 halves it, 1 doubles it",
    )
    shares: tuple[Share, ...] = Field(
        default=(0.25, 1.0),
        min_length=1,
        description="share of the outcome in the tested geos; 1: the whole market, compared with before",
    )
    post_weeks: int = Field(
        default=0, ge=0, le=26, description="weeks after the test in which its outcome counts"
    )
    horizon_weeks: int = Field(
        default=52, ge=1, le=260, description="weeks for which budgets are decided knowing the result"
    )
    margin: Margin | None = Field(
        default=None,
        description="money that one unit of the outcome is worth, such as 0.4 of revenue, at which the spend of an "
        "experiment is counted; default: at what one more unit of the budget's total would bring",
    )
    size: float = Field(
        default=0.1, gt=0, lt=0.5, description="two-sided size of the test that power is stated for"
    )
    power: float = Field(
        default=0.8, gt=0.5, lt=1, description="power at which the smallest effect is detectable"
    )

    @field_validator("changes")
    @classmethod
    def _change(cls, changes: tuple[float, ...]) -> tuple[float, ...]:
        if 0 in changes:
            raise ValueError("a change of 0 is no experiment: leave it out")
        return changes

    @field_validator("channels", "weeks", "changes", "shares")
    @classmethod
    def _each_once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(values)) < len(values):
            raise ValueError("a value is there twice: name each once")
        return values
