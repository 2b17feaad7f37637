"""What a specification says of lift tests: where they are, how they enter, and by which rule each is believed."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from mmm_core.spec.currency import DEFAULT
from mmm_core.spec.file_beside import FileBeside
from mmm_core.spec.media_spec import Strict

Design = Literal[
    "geo_holdout", "geo_scale_up", "conversion_lift", "switchback", "scale_down", "scale_up", "benchmark"
]


class DesignQuality(Strict):
    """How far a test is believed for how it was run: 1 as it was reported, less widens its error.

    Geos or people drawn by lot, beside others left alone, are believed; a whole market compared with what it was before
    has no such others. A benchmark is no experiment at all: a cost or a return that somebody answers for.
    """

    geo_holdout: float = Field(default=1.0, gt=0, le=1)
    geo_scale_up: float = Field(default=1.0, gt=0, le=1)
    conversion_lift: float = Field(default=1.0, gt=0, le=1)
    switchback: float = Field(default=0.8, gt=0, le=1)
    scale_down: float = Field(default=0.6, gt=0, le=1)
    scale_up: float = Field(default=0.6, gt=0, le=1)
    benchmark: float = Field(default=0.25, gt=0, le=1)

    def of(self, design: Design) -> float:
        """Quality of a design."""
        return float(getattr(self, design))


class EvidenceRule(Strict):
    """By which rule a test is scored; see docs/evidence.md."""

    half_life_weeks: float = Field(
        default=52.0,
        gt=0,
        description="weeks after which a test's age alone doubles the variance of its error",
    )
    design: DesignQuality = Field(
        default=DesignQuality(),
        description="quality of each design, above 0 and up to 1; 0.5 alone doubles the variance of the error",
    )
    least_days: int = Field(
        default=14, ge=1, description="a shorter test needs review: a week's chance is not a channel's effect"
    )
    least_power: float = Field(
        default=0.0,
        ge=0,
        description="a test whose |estimate| is fewer standard errors needs review; 0, as advised, takes tests that "
        "found nothing too: leaving them out would make every channel look better",
    )
    most_spend_ratio: float = Field(
        default=10.0,
        gt=1,
        description="a test needs review whose daily spend is that many times the model's, or that fraction of it",
    )
    spend_tolerance: float = Field(
        default=0.1,
        ge=0,
        description="share by which a test's spend may differ from the model's table; beyond it the test is rejected",
    )
    most_pre_period_error: float = Field(
        default=0.1,
        gt=0,
        description="a test needs review whose comparison missed by more before it began, as a share of the outcome",
    )
    most_contamination: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="a test needs review if tests of other channels ran in more than this share of its geos and days",
    )
    currency: str = Field(
        default=DEFAULT, description="currency of the model's table; a test in another one is rejected"
    )
    accept_status: tuple[Literal["approved", "needs review"], ...] = Field(
        default=(),
        description="statuses that count as an approval without a line in `approvals`; none by default",
    )


class Calibration(Strict):
    """Lift tests that calibrate the model."""

    lift_tests: Literal["approved"] | None = Field(
        default=None,
        description="`approved`: the approved tests of the mart, of `tests`, or of `mmm fit --lift-tests FILE`",
    )
    tests: FileBeside | None = Field(
        default=None,
        description="file of further tests beside this YAML, as CSV or a YAML list; see docs/evidence.md",
    )
    experiments: FileBeside | None = Field(
        default=None,
        description="file of geo experiments beside this YAML, read from their own panels; see docs/lift.md",
    )
    approvals: FileBeside | None = Field(
        default=None,
        description="file beside this YAML that says who approved which test and when: test_id, decision, by, on, why",
    )
    as_roi_prior: tuple[str, ...] | Literal["all"] = Field(
        default=(),
        description="tests, by test_id, that become priors of their channels' ROI and are not replayed, or `all`; for "
        "engines that cannot replay them",
    )
    likelihood: Literal["normal", "student_t"] = "student_t"
    nu: float = Field(default=4.0, gt=1, description="degrees of freedom of `student_t`")
    rule: EvidenceRule = EvidenceRule()

    @property
    def error_scale(self) -> float:
        """Scale of the likelihood in standard errors of a test: 1 where it is Normal.

        A Student-t as wide as the error would take an honest result for less than it says. At sqrt((nu + 1) / (nu + 3))
        times the error, a result that agrees tells as much as under the Normal error that was reported: the Fisher
        information of a Student-t's location, (nu + 1) / (nu + 3) over its squared scale, is 1 over the squared error.
        """
        return 1.0 if self.likelihood == "normal" else math.sqrt((self.nu + 1) / (self.nu + 3))
