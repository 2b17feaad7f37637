"""What a specification says of media: channels, their carryover and saturation, beliefs about their effect."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from mmm_core.priors import Prior
from mmm_core.spec.names import Column, Component
from mmm_core.transforms.adstock import ADSTOCKS
from mmm_core.transforms.registry import Kinds, hold_within
from mmm_core.transforms.saturation import SATURATIONS


class Strict(BaseModel):
    """A part of a specification: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


def within(low: float, high: float) -> AfterValidator:
    """Refuse a prior that reaches outside of [low, high]."""

    def check(prior: Prior) -> Prior:
        hold_within(prior, low, high)
        return prior

    return AfterValidator(check)


Positive = Annotated[Prior, within(0.0, float("inf"))]
Fraction = Annotated[Prior, within(0.0, 1.0)]


def as_prior(**family: list[float]) -> Prior:
    """A prior in the form of the YAML."""
    return Prior.model_validate(family)


class _Shape(BaseModel):
    """A kind of the registry with priors for its parameters, which stand beside `kind` in the YAML."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, Prior] = Field(init=False)
    KINDS: ClassVar[Kinds]
    OWN: ClassVar[tuple[str, ...]]

    kind: str

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        if isinstance(value, cls) or not isinstance(value, dict):
            return value
        return cls.KINDS.complete({"kind": cls.model_fields["kind"].default, **value}, cls.OWN)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The parameters of every registered kind, beside the keys that all kinds share."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        kinds = cls.KINDS.json_schema(schema["additionalProperties"])
        kinds["kind"]["default"] = cls.model_fields["kind"].default
        shared = {name: value for name, value in schema["properties"].items() if name != "kind"}
        return {**schema, "properties": {**kinds, **shared}, "additionalProperties": False}

    @model_validator(mode="after")
    def _supports(self) -> Any:
        self.KINDS.check_supports(self.kind, self.parameters)
        return self

    @property
    def parameters(self) -> dict[str, Prior]:
        """Priors of the kind's parameters, by name."""
        extra = self.__pydantic_extra__ or {}
        return {name: extra[name] for name in self.KINDS[self.kind].parameters}


class Adstock(_Shape):
    """Carryover: how an exposure's effect spreads over the following weeks."""

    KINDS: ClassVar[Kinds] = ADSTOCKS
    OWN: ClassVar[tuple[str, ...]] = ("kind", "l_max")

    kind: str = "geometric"
    l_max: int = Field(default=8, ge=0, le=52, description="longest lag in weeks")

    @property
    def lags(self) -> int:
        """The longest lag that carries weight: 0 without carryover."""
        return self.l_max if self.kind != "none" else 0


class Saturation(_Shape):
    """Diminishing returns of media, which are in units of their mean non-zero week."""

    KINDS: ClassVar[Kinds] = SATURATIONS
    OWN: ClassVar[tuple[str, ...]] = ("kind", "before_adstock")

    kind: str = "hill"
    before_adstock: bool = Field(default=False, description="saturate each week's media, then carry over")


class TotalShare(Strict):
    """Mean and sd of what all paid media together are believed to bring, as a share of the KPI."""

    mean: float = Field(default=0.4, gt=0, lt=1)
    sd: float = Field(default=0.2, gt=0, lt=1)


EffectKind = Literal["roi", "mroi", "contribution", "coefficient", "total_share"]


class EffectPrior(Strict):
    """What is believed of a channel's effect, stated in one of five ways."""

    roi: Positive | None = Field(
        default=None, description="outcome per unit of spend, both over the modelled weeks"
    )
    mroi: Positive | None = Field(
        default=None, description="outcome of 1 % more media in every week, over 1 % of spend"
    )
    contribution: Positive | None = Field(default=None, description="share of the modelled weeks' outcome")
    coefficient: Positive | None = Field(
        default=None, description="ceiling of the response in robust standard deviations of the KPI per head"
    )
    total_share: TotalShare | None = Field(
        default=None, description="one ROI prior for all channels, from the share that media bring together"
    )

    @model_validator(mode="after")
    def _one(self) -> EffectPrior:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("state exactly one of roi, mroi, contribution, coefficient, total_share")
        return self

    @property
    def kind(self) -> EffectKind:
        """Which of them is stated."""
        for name in ("roi", "mroi", "contribution", "coefficient"):
            if getattr(self, name) is not None:
                return name
        return "total_share"

    @property
    def prior(self) -> Prior | None:
        """The stated prior; None for `total_share`, which the data turn into one on the ROI."""
        return self.roi or self.mroi or self.contribution or self.coefficient


class TimeVarying(Strict):
    """A channel's effect drifts smoothly around its average: knots every so many weeks, shrunk to no drift."""

    every: int = Field(default=13, ge=4, le=104, description="weeks between knots")
    spread: Positive = Field(
        default=as_prior(halfnormal=[0.2]), description="sd of the logarithm of the multiplier at a knot"
    )


class MediaDefaults(Strict):
    """What a channel uses where it says nothing itself."""

    adstock: Adstock = Adstock()
    saturation: Saturation = Saturation()
    prior: EffectPrior = EffectPrior(roi=as_prior(lognormal=[0.2, 0.9]))
    time_varying: TimeVarying | None = None


class _Exposed(Strict):
    """What paid and organic media share."""

    exposure: Column | None = Field(default=None, description="column of impressions, clicks, sends ...")
    reach: Column | None = Field(default=None, description="column of people reached, with `frequency`")
    frequency: Column | None = Field(default=None, description="column of mean exposures per person reached")
    group: Component | None = Field(default=None, description="label, such as online; see `media.pooling`")
    adstock: Adstock = Adstock()
    saturation: Saturation = Saturation()
    time_varying: TimeVarying | None = None

    @model_validator(mode="after")
    def _reach_with_frequency(self) -> Any:
        if (self.reach is None) != (self.frequency is None):
            raise ValueError("reach and frequency go together: name both columns")
        if self.reach and self.exposure:
            raise ValueError("name either `exposure`, or `reach` and `frequency`")
        return self

    @property
    def media_columns(self) -> tuple[str, ...]:
        """The media column, and the frequency column where there is one."""
        return (self.media_column, self.frequency) if self.frequency else (self.media_column,)

    @property
    def media_column(self) -> str:
        """The column whose carryover is modelled: reach, exposure, or the spend itself."""
        return self.reach or self.exposure or str(getattr(self, "spend", ""))


class Channel(_Exposed):
    """Paid media: a spend column, and the exposure it bought where that is known."""

    spend: Column
    prior: EffectPrior = MediaDefaults().prior
    follows_demand: bool = Field(
        default=False,
        description="its spend rises with demand that is in no column: sales that come with that are no effect of it",
    )


class Organic(_Exposed):
    """Media without spend: a newsletter, organic posts. Its prior is on its share of the outcome."""

    prior: EffectPrior = EffectPrior(contribution=as_prior(lognormal=[-4.0, 1.0]))

    @field_validator("prior")
    @classmethod
    def _no_roi(cls, value: EffectPrior) -> EffectPrior:
        if value.kind not in ("contribution", "coefficient"):
            raise ValueError(
                "organic media have no spend and so no roi: state `contribution` or `coefficient`"
            )
        return value

    @model_validator(mode="after")
    def _exposed(self) -> Organic:
        if not self.media_column:
            raise ValueError("name its column: `exposure`, or `reach` and `frequency`")
        return self


class MediaPooling(Strict):
    """Effects of a group's channels inform each other: their logarithms are correlated about their own priors.

    Every channel keeps the log-normal prior it states; `correlation` is that of two channels of one group.
    """

    by: Literal["group"] = "group"
    correlation: Fraction = as_prior(beta=[2, 2])

    @field_validator("correlation")
    @classmethod
    def _below_one(cls, value: Prior) -> Prior:
        if value.family == "fixed" and value.parameters[0] >= 1:
            raise ValueError(
                "correlation 1 makes the channels of a group one effect, which has no density: fix it below 1"
            )
        return value


class Media(Strict):
    """Every channel, paid and organic; what a channel leaves out is taken from `defaults`."""

    defaults: MediaDefaults = MediaDefaults()
    channels: dict[Component, Channel] = Field(min_length=1)
    organic: dict[Component, Organic] = {}
    pooling: MediaPooling | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_from_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        defaults = value.get("defaults") or {}
        if not isinstance(defaults, dict):
            return value
        first = {"adstock": Adstock().kind, "saturation": Saturation().kind}

        def filled(entry: Any, keys: tuple[str, ...]) -> Any:
            if not isinstance(entry, dict):
                return entry
            merged = dict(entry)
            for key in keys:
                given, base = entry.get(key), defaults.get(key)
                if isinstance(base, dict) and key in first and isinstance(given or {}, dict):
                    kind = base.get("kind", first[key])
                    if (
                        isinstance(given, dict) and given.get("kind", kind) != kind
                    ):  # its parameters are others
                        base = {name: base[name] for name in ("l_max", "before_adstock") if name in base}
                    merged[key] = {**base, **(given or {})}
                elif key not in entry and base is not None:
                    merged[key] = base
            return merged

        out = dict(value)
        for name, keys in (
            ("channels", ("adstock", "saturation", "prior", "time_varying")),
            ("organic", ("adstock", "saturation", "time_varying")),
        ):
            if isinstance(value.get(name), dict):
                out[name] = {channel: filled(entry, keys) for channel, entry in value[name].items()}
        return out

    @model_validator(mode="after")
    def _consistent(self) -> Media:
        twice = set(self.channels) & set(self.organic)
        if twice:
            raise ValueError(f"named both under channels and organic: {', '.join(sorted(twice))}")
        if self.pooling:
            everyone: dict[str, Channel | Organic] = {**self.channels, **self.organic}
            for name, channel in everyone.items():
                stated = channel.prior.prior
                if channel.group and stated is not None and stated.family != "lognormal":
                    raise ValueError(
                        f"pooling: {name} has a {stated.family} prior; channels of a group need log-normal ones, "
                        "or no `group`"
                    )
        return self
