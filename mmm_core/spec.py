"""What a model is: the Pydantic types behind `models/<name>.yaml`, and how a file becomes one.

Everything a user may write is a field here; the JSON Schema and docs/model-spec.md follow from these types. A key that
nothing knows is refused with the nearest known one, and a key of the specification that this version does not fit yet
is refused by name, so that no line of a YAML is ever silently ignored.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mmm_core.errors import SpecError, nearest
from mmm_core.priors import Prior

# Keys of the specification that this version refuses by name, with what to write instead.
NOT_YET: dict[str, str] = {
    "treatments": "list the column under `controls`",
    "calibration": "state the experiment's result as the channel's `prior: {roi: ...}`",
    "long_term": "leave it out: only short-term effects are estimated",
    "media.pooling": "state a prior per channel",
    "media.channels.reach": "use `exposure` with impressions",
    "media.channels.frequency": "use `exposure` with impressions",
    "baseline.holidays": "list the dates under `baseline: events`",
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _within(low: float, high: float) -> AfterValidator:
    def check(prior: Prior) -> Prior:
        start, end = prior.support()
        if start < low or end > high:
            raise ValueError(
                f"the prior must stay within [{low:g}, {high:g}], its support is [{start:g}, {end:g}]"
            )
        return prior

    return AfterValidator(check)


Positive = Annotated[Prior, _within(0.0, float("inf"))]
Fraction = Annotated[Prior, _within(0.0, 1.0)]


def _prior(**family: list[float]) -> Prior:
    return Prior.model_validate(family)


class Adstock(_Strict):
    """Carryover: how an exposure's effect spreads over the following weeks."""

    kind: Literal["geometric", "none"] = "geometric"
    l_max: int = Field(default=8, ge=0, le=52, description="longest lag in weeks")
    alpha: Fraction = Field(
        default=_prior(beta=[3, 3]), description="share retained from one week to the next"
    )

    @property
    def lags(self) -> int:
        """The longest lag that carries weight: 0 without carryover."""
        return self.l_max if self.kind != "none" else 0


class Saturation(_Strict):
    """Diminishing returns of the adstocked media, which is in units of its mean non-zero week."""

    kind: Literal["hill", "none"] = "hill"
    half_saturation: Positive = Field(
        default=_prior(lognormal=[0, 0.7]), description="media at half of the ceiling"
    )
    slope: Positive = Field(
        default=_prior(lognormal=[0, 0.4]), description="Hill exponent; above 1 is S-shaped"
    )


class EffectPrior(_Strict):
    """What is believed of a channel's effect, stated in one of three ways."""

    roi: Positive | None = Field(default=None, description="revenue per unit of spend over the window")
    contribution: Positive | None = Field(default=None, description="share of the window's revenue")
    coefficient: Positive | None = Field(
        default=None, description="ceiling in standard deviations of the KPI"
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_mroi(cls, value: Any) -> Any:
        if isinstance(value, dict) and "mroi" in value:
            raise ValueError("a prior on mroi is not supported yet: state it on `roi`")
        return value

    @model_validator(mode="after")
    def _one(self) -> EffectPrior:
        if sum(prior is not None for prior in (self.roi, self.contribution, self.coefficient)) != 1:
            raise ValueError("state exactly one of roi, contribution, coefficient")
        return self

    @property
    def kind(self) -> Literal["roi", "contribution", "coefficient"]:
        """Which of the three is stated."""
        return "roi" if self.roi else "contribution" if self.contribution else "coefficient"

    @property
    def prior(self) -> Prior:
        """The stated prior."""
        prior = self.roi or self.contribution or self.coefficient
        assert prior is not None
        return prior


class MediaDefaults(_Strict):
    """What a channel uses where it says nothing itself."""

    adstock: Adstock = Adstock()
    saturation: Saturation = Saturation()
    prior: EffectPrior = EffectPrior(roi=_prior(lognormal=[0.2, 0.9]))


class Channel(_Strict):
    """Paid media: a spend column, and the exposure (impressions, clicks) it bought where that is known."""

    spend: str
    exposure: str | None = None
    group: str | None = Field(default=None, description="label for reports, such as online or offline")
    adstock: Adstock = Adstock()
    saturation: Saturation = Saturation()
    prior: EffectPrior = MediaDefaults().prior

    @property
    def media_column(self) -> str:
        """The column whose carryover and saturation are modelled."""
        return self.exposure or self.spend


class Organic(_Strict):
    """Media without spend: a newsletter, organic posts. Its prior is on its share of the outcome."""

    exposure: str
    group: str | None = None
    adstock: Adstock = Adstock()
    saturation: Saturation = Saturation()
    prior: EffectPrior = EffectPrior(contribution=_prior(lognormal=[-4.0, 1.0]))

    @field_validator("prior")
    @classmethod
    def _no_roi(cls, prior: EffectPrior) -> EffectPrior:
        if prior.kind == "roi":
            raise ValueError(
                "organic media have no spend and so no roi: state `contribution` or `coefficient`"
            )
        return prior

    @property
    def media_column(self) -> str:
        """The column whose carryover and saturation are modelled."""
        return self.exposure


class Media(_Strict):
    """Every channel, paid and organic; what a channel leaves out is taken from `defaults`."""

    defaults: MediaDefaults = MediaDefaults()
    channels: dict[str, Channel] = Field(min_length=1)
    organic: dict[str, Organic] = {}

    @model_validator(mode="before")
    @classmethod
    def _fill_from_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        defaults = value.get("defaults") or {}

        def filled(entry: Any, keys: tuple[str, ...]) -> Any:
            if not isinstance(entry, dict):
                return entry
            merged = dict(entry)
            for key in keys:
                given, base = entry.get(key), defaults.get(key)
                if isinstance(base, dict) and key != "prior":
                    same_kind = not isinstance(given, dict) or given.get(
                        "kind", base.get("kind")
                    ) == base.get("kind")
                    merged[key] = {**(base if same_kind else {}), **(given or {})}
                elif given is None and base is not None:
                    merged[key] = base
            return merged

        out = dict(value)
        for name, keys in (
            ("channels", ("adstock", "saturation", "prior")),
            ("organic", ("adstock", "saturation")),
        ):
            if isinstance(value.get(name), dict):
                out[name] = {channel: filled(entry, keys) for channel, entry in value[name].items()}
        return out

    @model_validator(mode="after")
    def _distinct(self) -> Media:
        twice = set(self.channels) & set(self.organic)
        if twice:
            raise ValueError(f"named both under channels and organic: {', '.join(sorted(twice))}")
        return self


class Kpi(_Strict):
    """The outcome: revenue itself, or units with a column that says what one is worth."""

    column: str
    revenue_per_unit: str | None = None
    gaps: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="weeks without a KPI: refuse the table, or leave them out of the likelihood",
    )


class Time(_Strict):
    """The week column and the window used, both ends inclusive."""

    column: str = "week_start"
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Time:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"from {self.from_} is not before to {self.to}")
        return self


class Geo(_Strict):
    """A panel of geos; media and KPI are modelled per head where a population column is named."""

    column: str = "geo"
    pooling: Literal["partial", "complete"] = "partial"
    population: str | None = None


class Seasonality(_Strict):
    """Fourier terms: `order` pairs of sine and cosine with `period` in weeks."""

    period: float = Field(default=52.18, gt=2)
    order: int = Field(default=2, ge=0, le=26)


class Baseline(_Strict):
    """What would have sold without media: level, seasonality, events."""

    level: Literal["random_walk", "linear", "constant"] = "random_walk"
    level_sd: Positive = Field(
        default=_prior(halfnormal=[0.1]),
        description="weekly step of the level, in standard deviations of the KPI",
    )
    seasonality: Seasonality = Seasonality()
    events: dict[str, list[date]] = Field(default={}, description="named weeks with an effect of their own")


class Fit(_Strict):
    """How the posterior is computed."""

    engine: Literal["numpyro"] = "numpyro"
    chains: int = Field(default=4, ge=1, le=64)
    warmup: int = Field(default=1000, ge=100)
    draws: int = Field(default=1000, ge=100)
    seed: int = Field(default=7, ge=0, lt=2**32)
    target_accept: float = Field(default=0.9, gt=0.5, lt=1)
    precision: Literal["float64", "float32"] = "float64"


class Review(_Strict):
    """Thresholds of the review that differ from the defaults; see docs/model-spec.md."""

    rhat: float = Field(default=1.01, gt=1)
    ess_bulk: float = Field(default=1000, gt=0)
    ess_tail: float = Field(default=1000, gt=0)
    divergence_share: float = Field(default=0.01, ge=0, lt=1)
    e_bfmi: float = Field(default=0.3, gt=0)
    mape: float = Field(default=0.15, gt=0)
    r2: float = Field(default=0.80, lt=1)
    coverage: tuple[float, float] = (0.90, 0.98)
    holdout_weeks: int = Field(default=13, ge=0)
    roi: tuple[float, float] = (0.0, 10.0)
    negative_baseline: float = Field(default=0.2, gt=0, le=1)
    share_of_spend: float = Field(default=0.4, gt=0, le=1)
    contraction: float = Field(default=0.1, lt=1)
    roi_overlap: float = Field(default=0.5, ge=0, le=1)


class Budget(_Strict):
    """The next period's budget question; bounds are relative to the last comparable period."""

    weeks: int = Field(default=13, ge=1, le=104)
    total: float | None = Field(
        default=None, gt=0, description="in the currency of spend; default: the last period's"
    )
    bounds: dict[str, tuple[float, float]] = {"default": (0.7, 1.3)}
    objective: Literal["expected"] = "expected"

    @field_validator("bounds")
    @classmethod
    def _ordered(cls, bounds: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in bounds.items():
            if not 0 <= low <= high:
                raise ValueError(f"{name}: bounds must satisfy 0 <= lower <= upper, got [{low}, {high}]")
        return {"default": (0.7, 1.3), **bounds}

    def bounds_of(self, channel: str) -> tuple[float, float]:
        """Lower and upper spend of a channel, relative to the last comparable period."""
        return self.bounds.get(channel, self.bounds["default"])


class ModelSpec(_Strict):
    """One model: market, KPI, channels, priors, schedule and budget question."""

    model: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="lower case, digits and underscores")
    table: str = Field(description="a mart, or weekly_tables/<name> for a weekly file of one's own")
    kpi: Kpi
    media: Media
    filter: dict[str, str] = Field(default={}, description="rows of the table to keep: column -> value")
    owner: str = "team:marketing-science"
    schedule: Literal["weekly", "none"] = "weekly"
    time: Time = Time()
    geo: Geo | None = None
    controls: tuple[str, ...] = ()
    baseline: Baseline = Baseline()
    likelihood: Literal["normal"] = "normal"
    fit: Fit = Fit()
    review: Review = Review()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        unknown = set(self.budget.bounds) - set(self.media.channels) - {"default"}
        for name in sorted(unknown):
            raise ValueError(
                f"budget.bounds names '{name}', no paid channel: {nearest(name, self.media.channels)}"
            )
        components = [*self.channels, *self.controls, *self.baseline.events]
        twice = {name for name in components if components.count(name) > 1}
        if twice:
            raise ValueError(
                f"{', '.join(sorted(twice))}: named more than once among channels, controls and events; "
                "each is a component of the outcome and needs a name of its own"
            )
        return self

    @property
    def paid(self) -> tuple[str, ...]:
        """Names of the paid channels, in the order of the file."""
        return tuple(self.media.channels)

    @property
    def organic(self) -> tuple[str, ...]:
        """Names of the organic channels, in the order of the file."""
        return tuple(self.media.organic)

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel: paid first, then organic."""
        return self.paid + self.organic

    @property
    def channel_specs(self) -> tuple[Channel | Organic, ...]:
        """The channels' specifications, in the order of `channels`."""
        return (*self.media.channels.values(), *self.media.organic.values())

    @property
    def l_max(self) -> int:
        """The longest lag of any channel: as many weeks at the start are media history only."""
        return max(channel.adstock.lags for channel in self.channel_specs)

    @property
    def numeric_columns(self) -> tuple[str, ...]:
        """Columns that must hold numbers, without repeats, in a stable order."""
        names = [self.kpi.column]
        if self.kpi.revenue_per_unit:
            names.append(self.kpi.revenue_per_unit)
        if self.geo and self.geo.population:
            names.append(self.geo.population)
        for channel in self.media.channels.values():
            names += [channel.spend] + ([channel.exposure] if channel.exposure else [])
        names += [organic.exposure for organic in self.media.organic.values()]
        names += list(self.controls)
        return tuple(dict.fromkeys(names))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the table that the model reads, without repeats."""
        keys = [self.time.column] + ([self.geo.column] if self.geo else []) + list(self.filter)
        return tuple(dict.fromkeys([*keys, *self.numeric_columns]))

    @property
    def spec_hash(self) -> str:
        """Hash of everything that can change the posterior: not owner, schedule, review or budget."""
        body = self.model_dump(mode="json", exclude={"owner", "schedule", "review", "budget"})
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        """The specification as YAML with every default written out; `parse_spec` reads it back."""
        return yaml.safe_dump(_short_priors(self.model_dump(mode="json", by_alias=True)), sort_keys=False)


def load_spec(path: str | Path) -> ModelSpec:
    """Read and validate a model's YAML.

    Raises:
        SpecError: no such file, not YAML, or a key or value that is refused; all faults are listed at once.
    """
    path = Path(path)
    if not path.is_file():
        raise SpecError(f"{path}: no such model file")
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not valid YAML: {error}") from None
    return parse_spec(mapping, source=str(path))


def parse_spec(mapping: Any, source: str = "spec") -> ModelSpec:
    """Validate a mapping read from YAML; `source` opens every message.

    Raises:
        SpecError: as `load_spec`.
    """
    if not isinstance(mapping, dict):
        raise SpecError(f"{source}: expected a mapping with model, table, kpi and media")
    try:
        return ModelSpec.model_validate(mapping)
    except ValidationError as error:
        lines = [f"  {_explain(fault)}" for fault in error.errors()]
        raise SpecError(
            f"{source}: the model specification was refused\n" + "\n".join(dict.fromkeys(lines))
        ) from None


def json_schema() -> dict[str, Any]:
    """JSON Schema of a model's YAML, for editors."""
    return ModelSpec.model_json_schema(by_alias=True)


def _explain(fault: Any) -> str:
    """One line of a Pydantic fault: where, what, and the nearest known key for an unknown one."""
    where = [str(part) for part in fault["loc"]]
    dotted = ".".join(where)
    if fault["type"] == "extra_forbidden":
        generic = ".".join(part for i, part in enumerate(where) if not (i == 2 and where[:1] == ["media"]))
        if generic in NOT_YET:
            return f"{dotted}: not supported yet; {NOT_YET[generic]}"
        known = _keys_at(where[:-1])
        return f"{dotted}: unknown key '{where[-1]}': {nearest(where[-1], known)}"
    if fault["type"] == "missing":
        return f"{dotted}: required"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "literal_error":
        return (
            f"{dotted}: {message}, got {fault['input']!r}: {nearest(str(fault['input']), _literals(fault))}"
        )
    return f"{dotted}: {message}" if dotted else message


def _literals(fault: Any) -> list[str]:
    return [word for i, word in enumerate(str(fault["ctx"]["expected"]).split("'")) if i % 2]


def _keys_at(where: list[str]) -> list[str]:
    """The keys that the specification knows at a place in the YAML."""
    kind: Any = ModelSpec
    for part in where:
        fields = getattr(kind, "model_fields", None)
        if fields is None:
            return []
        field = next((f for name, f in fields.items() if (f.alias or name) == part), None)
        if field is None:  # a name of the user's own, such as a channel's
            continue
        kind = _model_in(field.annotation)
    return [f.alias or name for name, f in getattr(kind, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    """The Pydantic model inside `X`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _short_priors(value: Any) -> Any:
    """Priors back in the form a user writes."""
    if isinstance(value, dict):
        if set(value) == {"family", "parameters"}:
            numbers = list(value["parameters"])
            return numbers[0] if value["family"] == "fixed" else {value["family"]: numbers}
        return {key: _short_priors(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_short_priors(inner) for inner in value]
    return value
