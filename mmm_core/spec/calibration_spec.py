"""What a specification says of lift tests: where they are, how they enter, and by which rule each is believed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmm_core.spec.media_spec import Strict


class EvidenceRule(Strict):
    """By which rule a test is scored; see docs/evidence.md."""

    half_life_weeks: float = Field(
        default=52.0,
        gt=0,
        description="weeks after which a test's age alone doubles the variance of its error",
    )


class Calibration(Strict):
    """Lift tests that calibrate the model."""

    lift_tests: Literal["approved"] | None = Field(
        default=None,
        description="`approved`: the approved tests of the mart, or of `mmm fit --lift-tests FILE`",
    )
    likelihood: Literal["normal", "student_t"] = "student_t"
    nu: float = Field(default=4.0, gt=1, description="degrees of freedom of `student_t`")
    rule: EvidenceRule = EvidenceRule()
