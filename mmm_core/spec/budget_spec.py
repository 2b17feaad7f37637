"""What the `budget:` section of a model's YAML may say: the question put to its posterior."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from mmm_core.spec.media_spec import Strict

DEFAULT = "default"
"""The key of `budget.bounds` for every channel that it does not name."""

AS_LIST, AS_MAPPING = "bounds as a list", "bounds as a mapping"

Amount = Annotated[float, Field(allow_inf_nan=False)]
Range = tuple[Amount, Amount]


def _ordered(bounds: Range) -> Range:
    low, high = bounds
    if not 0 <= low <= high:
        raise ValueError(f"bounds must satisfy 0 <= lower <= upper, got [{low:g}, {high:g}]")
    return bounds


class Bounds(Strict):
    """Least and most spend of a channel over the period, relative to the last comparable one or in money."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    relative: Range | None = Field(
        default=None, description="multiples of the spend of the last comparable period"
    )
    spend: Range | None = Field(default=None, description="money over the period, in the currency of spend")

    @model_validator(mode="after")
    def _either(self) -> Bounds:
        if (self.relative is None) == (self.spend is None):
            raise ValueError("state exactly one of relative, spend")
        _ordered(self.stated[1])
        return self

    @property
    def stated(self) -> tuple[str, Range]:
        """Which of the two forms is stated, and its numbers."""
        if self.spend is not None:
            return "spend", self.spend
        assert self.relative is not None
        return "relative", self.relative


def _form(value: Any) -> str:
    return AS_MAPPING if isinstance(value, dict | Bounds) else AS_LIST


class Budget(Strict):
    """The next period's budget question."""

    weeks: int = Field(default=13, ge=1, le=104)
    total: float | None = Field(
        default=None, gt=0, description="in the currency of spend; default: the last period's"
    )
    bounds: dict[
        str,
        Annotated[Annotated[Range, Tag(AS_LIST)] | Annotated[Bounds, Tag(AS_MAPPING)], Discriminator(_form)],
    ] = Field(
        default={DEFAULT: (0.7, 1.3)},
        description="channel -> [least, most] relative to the last comparable period, or {spend: [least, most]} in "
        "money; `default` for the channels that are not named",
    )
    objective: Literal["expected"] = "expected"

    @field_validator("bounds")
    @classmethod
    def _complete(cls, bounds: dict[str, Range | Bounds]) -> dict[str, Range | Bounds]:
        for name, numbers in bounds.items():
            if isinstance(numbers, tuple):
                try:
                    _ordered(numbers)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return {DEFAULT: (0.7, 1.3), **bounds}

    def bounds_of(self, channel: str) -> Bounds:
        """Least and most spend of a channel."""
        bounds = self.bounds.get(channel, self.bounds[DEFAULT])
        return bounds if isinstance(bounds, Bounds) else Bounds(relative=bounds)
