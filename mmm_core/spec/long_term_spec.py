"""What the `long_term:` section of a model's YAML may say: brand metrics, and the autoregression they stand in.

Nothing of it is read by the fit of the short-term model; see docs/long-term.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from mmm_core.errors import nearest
from mmm_core.json_text import dumps
from mmm_core.spec.media_spec import Strict
from mmm_core.spec.names import Component, Day, refuse_names_alike

BASE = "base"
"""Base sales, as a variable beside the metrics."""
DEFAULT = "default"
"""The key of `long_term.centre` for every variable that it does not name."""
RESERVED = (BASE, DEFAULT, "all", "direct")
"""Words that mean something else wherever a metric's name may stand."""
TREND = "trend"
TERMS = ("intercept", TREND)
"""Terms that every equation may have beside `long_term.steps`."""

Horizon = Annotated[int, Field(ge=1, le=520)]
Dummies = Literal["sum_of_coefficients", "initial_observation"]
Sign = Literal["positive", "negative"]


class Belief(Strict):
    """How tight a part of the prior is, small being tight: a number, or a Gamma density by its mode and sd."""

    mode: float = Field(gt=0, description="the number itself where it is fixed")
    sd: float = Field(default=0.0, ge=0, description="0: fixed; above, it is learned from the data")

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if isinstance(value, bool | str):
            raise ValueError("write a number, or {mode: 0.2, sd: 0.4} for one that is learned from the data")
        return {"mode": value} if isinstance(value, int | float) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A number or a mapping."""
        stated = handler.resolve_ref_schema(handler(core_schema))
        return {**stated, "type": ["number", "object"], "exclusiveMinimum": 0}


class Tightness(Strict):
    """The Minnesota prior's hyperparameters.

    Lags have the prior of Giannone, Lenza and Primiceri (2015). Media have a wider one, as one tightness stands for all
    equations: a channel that builds one metric and nothing else would be held back by the equations it does not enter.
    The dummy observations of that paper are left out unless asked for: they hold a variable that is large beside its
    weekly noise, as base sales and the logits of shares are, to a random walk, which has no long run.
    """

    lags: Belief = Field(default=Belief(mode=0.2, sd=0.4), description="of the variables' lags")
    media: Belief = Field(
        default=Belief(mode=1.0, sd=1.0), description="of media, in sd of a variable per sd of a channel"
    )
    sum_of_coefficients: Belief = Field(
        default=Belief(mode=1.0, sd=1.0), description="a variable that stood still goes on standing still"
    )
    initial_observation: Belief = Field(
        default=Belief(mode=1.0, sd=1.0), description="all variables as they began are a place to stay"
    )
    dummies: tuple[Dummies, ...] = Field(
        default=(),
        description="which of the latter two are part of the prior",
    )
    decay: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="power of the lag by which the variance of its coefficient falls",
    )
    media_decay: float = Field(default=1.0, ge=0, le=10, description="the same of media")


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


def _by_variable(value: Any) -> Any:
    return {DEFAULT: value} if isinstance(value, int | float) and not isinstance(value, bool) else value


MOST_LAGS = 26
_LAG_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MOST_LAGS}
Lags = Annotated[
    tuple[int, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [_LAG_SCHEMA, {"type": "array", "items": _LAG_SCHEMA, "minItems": 1}]}),
]
_CENTRE_SCHEMA = {"type": "number", "minimum": -1, "maximum": 1}
Centre = Annotated[
    dict[str, float],
    BeforeValidator(_by_variable),
    WithJsonSchema({"anyOf": [_CENTRE_SCHEMA, {"type": "object", "additionalProperties": _CENTRE_SCHEMA}]}),
]


class LongTermRule(Strict):
    """The autoregression of base sales and brand metrics, and the figures that are read from it."""

    metrics: tuple[Component, ...] = Field(
        default=(),
        description="brand metrics of the survey, causes before effects; none: there is no long-term stage",
    )
    lags: Lags = Field(
        default=(2,), description="weeks back; of a list, the one that the data speak for most"
    )
    media_lags: int = Field(
        default=0,
        ge=0,
        le=26,
        description="weeks that media act on the variables directly, 0: their own only",
    )
    channels: tuple[str, ...] = Field(default=(), description="paid channels; all of them where empty")
    horizon: Horizon = Field(
        default=52, description="weeks after the spend whose effects the long-term ROI counts"
    )
    horizons: tuple[Horizon, ...] = Field(
        default=(24, 52), description="weeks to which effects are summed beside it"
    )
    discount: float = Field(default=0.0, ge=0, le=1, description="a year's rate, 0.1 is 10 %")
    unit_root: bool = Field(
        default=False,
        description="base sales wander: their change is modelled, an effect on it stays for good",
    )
    trend: bool | Literal["auto"] = Field(
        default="auto",
        description="a straight line in every variable, of what grows or fades for a reason of its own; auto: where "
        "the data speak for one. Base sales that wander (`unit_root`) have their drift instead",
    )
    steps: dict[Component, Day] = Field(
        default={}, description="named changes of every variable's level that stay, from a date on"
    )
    centre: Centre = Field(
        default={DEFAULT: 1.0},
        description="prior mean of a variable's own first lag, for all or by name (`base`: base sales)",
    )
    tightness: Tightness = Tightness()
    enters: dict[str, tuple[str, ...]] = Field(
        default={},
        description="for a channel or variable the variables in whose equations it stands; in all of them if not named",
    )
    signs: dict[str, dict[str, Sign]] = Field(
        default={}, description="for a channel the sign of its direct effect on some variables"
    )
    cross: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="factor on the prior sd of lags of other variables: below 1 is tighter",
    )
    draws: int = Field(
        default=1000, ge=100, le=20_000, description="draws of the short-term posterior, one of this each"
    )
    seed: int = Field(default=7, ge=0, lt=2**32)

    @field_validator("lags")
    @classmethod
    def _some_lags(cls, lags: tuple[int, ...]) -> tuple[int, ...]:
        if not lags or not all(1 <= lag <= MOST_LAGS for lag in lags):
            raise ValueError(
                f"write a whole number from 1 to {MOST_LAGS}, or a list of such, got {list(lags)}"
            )
        return lags

    @field_validator("centre")
    @classmethod
    def _around_one(cls, centre: dict[str, float]) -> dict[str, float]:
        for name, value in centre.items():
            if not -1 <= value <= 1:
                raise ValueError(f"{name}: write a number from -1 to 1 (1 is a random walk), got {value:g}")
        return {DEFAULT: 1.0, **centre}

    @field_validator("lags", "channels", "horizons")
    @classmethod
    def _each_once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(values)) < len(values):
            raise ValueError("a value is there twice: name each once")
        return values

    @model_validator(mode="after")
    def _terms(self) -> LongTermRule:
        for name in self.steps:
            if name.lower() in TERMS:
                raise ValueError(f"steps: '{name}' is a term already: give the step another name")
        if self.unit_root and (self.trend is True or self.steps):
            raise ValueError(
                "unit_root: true models the change of base sales, which may drift as it is: take trend and steps out, "
                "or model its level with unit_root: false"
            )
        return self

    @model_validator(mode="after")
    def _names(self) -> LongTermRule:
        for name in self.metrics:
            if name.lower() in RESERVED:
                raise ValueError(
                    f"metrics: '{name}' means something else in the figures: give the metric another name"
                )
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics: a metric is there twice: name each once")
        refuse_names_alike(self.metrics)
        self._known("centre", self.centre, (*self.variables, DEFAULT))
        for key, stated in (("enters", self.enters), ("signs", self.signs)):
            for name, equations in stated.items():
                self._known(f"{key}.{name}", equations, self.variables)
        for name, equations in self.signs.items():
            for variable in equations:
                if variable not in self.enters.get(name, self.variables):
                    raise ValueError(
                        f"signs.{name} gives the sign of an effect on '{variable}' that enters.{name} leaves out: take "
                        "it out of signs, or add it to enters"
                    )
        return self

    @staticmethod
    def _known(key: str, names: Iterable[str], known: tuple[str, ...]) -> None:
        for name in names:
            if name not in known:
                raise ValueError(f"{key} names '{name}', no variable: {nearest(name, known)}")

    @property
    def variables(self) -> tuple[str, ...]:
        """The metrics, and base sales last."""
        return (*self.metrics, BASE)

    @property
    def restricted(self) -> bool:
        """Whether the prior differs between equations, so that it is not the conjugate one."""
        return bool(self.enters or self.signs) or self.cross != 1.0

    @property
    def rule_hash(self) -> str:
        """Hash of all that is stated: what a long-term posterior needs to know of this section."""
        body = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def check_channels(self, paid: tuple[str, ...]) -> None:
        """Raise ValueError where a name is no paid channel of the model, or a metric is called like one."""
        for name in self.channels:
            if name not in paid:
                raise ValueError(f"long_term.channels names '{name}', no paid channel: {nearest(name, paid)}")
        channels = self.channels_of(paid)
        for key, names, known in (
            ("enters", self.enters, (*channels, *self.variables)),
            ("signs", self.signs, channels),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(
                        f"long_term.{key} names '{name}', which is not there: {nearest(name, known)}"
                    )
        for name in self.metrics:
            if name in paid:
                raise ValueError(
                    f"long_term.metrics: '{name}' is a paid channel as well: give the metric another name"
                )

    def channels_of(self, paid: tuple[str, ...]) -> tuple[str, ...]:
        """The channels whose effects are looked for, in the model's order."""
        return tuple(name for name in paid if not self.channels or name in self.channels)
