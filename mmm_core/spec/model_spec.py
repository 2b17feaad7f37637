"""What a model is: the Pydantic types behind `models/<name>.yaml`, and how a file becomes one.

Everything a user may write is a field here; the JSON Schema and docs/model-spec.md follow from these types. A key that
nothing knows is refused with the nearest known one, and a key of the specification that this version does not fit yet
is refused by name, so that no line of a YAML is ever silently ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mmm_core.errors import SpecError, nearest, on_one_line, shortened
from mmm_core.inputs import name_of
from mmm_core.json_text import dumps
from mmm_core.priors import Prior
from mmm_core.spec.budget_spec import DEFAULT, Budget
from mmm_core.spec.calibration_spec import Calibration
from mmm_core.spec.currency import with_one_currency
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.spec.experiments_spec import Experiments
from mmm_core.spec.extensions import load_extensions
from mmm_core.spec.faults import explained
from mmm_core.spec.long_term_spec import LongTermRule
from mmm_core.spec.margin import Margin, refuse_more_than_revenue, with_one_margin
from mmm_core.spec.media_spec import Channel, Media, Organic, Positive, Strict, as_prior
from mmm_core.spec.names import Column, Component, Day, FilterValue, refuse_names_alike
from mmm_core.spec.promotion_spec import Promotion
from mmm_core.spec.readiness_spec import Readiness
from mmm_core.spec.reconciliation_spec import ReconciliationRule
from mmm_core.spec.review_spec import Review
from mmm_core.spec.scenarios_spec import Scenarios
from mmm_core.spec.yaml_file import read_yaml, written_yaml

LEARNED = "learned"
"""In `baseline.shrinkage`: the table says how far the terms of a group may move the KPI."""

BASELINE, SEASONALITY, HOLIDAYS = "baseline", "seasonality", "holidays"
"""Parts of the baseline, as components of the outcome beside channels, controls, treatments, events and steps."""

# `media.defaults` is read, but where the channels took it over.
NOT_READ_BY_A_FIT: Any = {
    "owner": True, "schedule": True, "review": True, "budget": True, "table": True, "media": {"defaults": True},
    "reconciliation": True, "experiments": True, "long_term": True, "readiness": True, "scenarios": True,
    "margin": True, "data_health": True, "promotion": True,
    "calibration": {"lift_tests": True, "tests": True, "experiments": True, "approvals": True, "rule": True},
}  # fmt: skip

LONGEST_LINE, MOST_LINES = 600, 40
"""Of a message about a specification: whatever stands in a YAML, a person can read what is wrong with it."""

# Keys of the specification that this version refuses by name, with what to write instead.
NOT_YET: dict[str, str] = {}


class Kpi(Strict):
    """The outcome: revenue itself, or units with a column that says what one is worth."""

    column: Column
    revenue_per_unit: Column | None = None
    kind: Literal["revenue", "non_revenue"] = Field(
        default="revenue",
        description="non_revenue: units nobody can price; effects are then in units, priors common to all channels",
    )
    scale: Literal["level", "log"] = Field(
        default="level", description="log: effects multiply instead of adding up"
    )
    gaps: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="weeks without a KPI: refuse the table, or leave them out of the likelihood",
    )


class Time(Strict):
    """The week column, what its dates mark, and the window: from the week that holds one day to that of another."""

    column: Column = "week_start"
    marks: Literal["start", "end"] = Field(
        default="start",
        description="start: a date is the first day of its week; end: it is the last, as in resampled tables",
    )
    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Time:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"from {self.from_} is not before to {self.to}")
        return self


class Geo(Strict):
    """A panel of geos; media and KPI are modelled per head where a population column is named."""

    column: Column = "geo"
    pooling: Literal["partial", "complete", "none"] = "partial"
    effects: Literal["normal", "lognormal"] = Field(
        default="normal",
        description="distribution of a channel's effect over geos; normal ones are integrated out, which is faster",
    )
    spread: Positive = Field(
        default=as_prior(gamma=[2, 10]),
        description="sd over geos of a channel's effect, relative to its mean",
    )
    population: Column | None = Field(
        default=None,
        description="column of people, above 0 in every week; that of the last week counts, and may drift by 5 %",
    )


class Seasonality(Strict):
    """Fourier terms: `order` pairs of sine and cosine with `period` in weeks."""

    period: float = Field(default=52.18, gt=2)
    order: int = Field(default=2, ge=0, le=26)


class Holidays(Strict):
    """Public holidays of a country as named events, from the `holidays` package."""

    country: str = Field(description="ISO code such as US, GB, DE")
    subdivision: str | None = Field(default=None, description="state or province, such as CA")
    names: tuple[str, ...] = Field(default=(), description="only these; every public holiday where empty")
    window: tuple[int, int] = Field(
        default=(0, 0), description="weeks before and after that have an effect of their own"
    )

    @field_validator("window")
    @classmethod
    def _around(cls, window: tuple[int, int]) -> tuple[int, int]:
        if not -8 <= window[0] <= 0 <= window[1] <= 8:
            raise ValueError(f"window [{window[0]}, {window[1]}] must hold 0 and reach 8 weeks at most")
        return window


Scale = Literal["learned"] | Annotated[float, Field(gt=0, strict=True)]


class Shrinkage(Strict):
    """Prior sd of the baseline's coefficients in standard deviations of the noise: learned from the table, or stated.

    A learned scale is that of the whole group; a harmonic's falls with its number as the table says, and a control may
    have one of its own.
    """

    seasonality: Scale = "learned"
    controls: Scale = "learned"
    holidays: Scale = 2.0


class Baseline(Strict):
    """What would have sold without media: level, slope, seasonality, holidays, events, steps."""

    level: Literal["random_walk", "linear", "constant"] = "random_walk"
    level_sd: Positive = Field(
        default=as_prior(halfnormal=[0.1]),
        description="weekly step of the level, in robust standard deviations of the KPI",
    )
    slope: Literal["none", "constant", "random_walk"] = Field(
        default="none", description="drift of a random-walk level: none, constant, or moving itself"
    )
    slope_sd: Positive = Field(
        default=as_prior(halfnormal=[0.005]),
        description="weekly step of a random-walk slope, in robust standard deviations of the KPI a week",
    )
    seasonality: Seasonality = Seasonality()
    holidays: Holidays | None = None
    events: dict[Component, list[Day]] = Field(
        default={}, description="named weeks with an effect of their own"
    )
    steps: dict[Component, Day] = Field(
        default={}, description="named changes of level that stay, from a date on"
    )
    shrinkage: Shrinkage = Shrinkage()

    @model_validator(mode="after")
    def _slope_of_a_walk(self) -> Baseline:
        if self.slope != "none" and self.level != "random_walk":
            raise ValueError(f"a slope belongs to `level: random_walk`; `level: {self.level}` has its own")
        return self


class TreatmentPrior(Strict):
    """What is believed of a treatment's effect; it may have either sign."""

    contribution: Prior | None = Field(
        default=None, description="share of the modelled weeks' outcome, against the baseline value"
    )
    coefficient: Prior | None = Field(
        default=None,
        description="robust standard deviations of the KPI per head, for one standard deviation of the column",
    )

    @model_validator(mode="after")
    def _one(self) -> TreatmentPrior:
        if (self.contribution is None) == (self.coefficient is None):
            raise ValueError("state exactly one of contribution, coefficient")
        return self


class Treatment(Strict):
    """A lever that is not media, such as price or promotion; its effect is against a baseline value."""

    column: Column
    baseline: Literal["min", "max", "mean", "zero"] | float = Field(
        default="min", description="value that would have been without the treatment"
    )
    prior: TreatmentPrior | None = Field(default=None, description="too wide to matter where not stated")


class StudentT(Strict):
    """Noise with heavy tails, so that outlier weeks weigh little."""

    kind: Literal["student_t"] = "student_t"
    nu: Positive = Field(default=Prior.model_validate(4.0), description="degrees of freedom")


LEAST_DRAWS, MOST_DRAWS = 100, 100_000
"""Iterations a chain that a model may ask for. No figure is better for more; a slip of the pen would never end."""


class Fit(Strict):
    """How the posterior is computed."""

    engine: Literal["numpyro", "laplace", "advi", "pymc", "meridian", "ridge"] = "numpyro"
    chains: int = Field(default=4, ge=1, le=64)
    warmup: int = Field(default=400, ge=LEAST_DRAWS, le=MOST_DRAWS)
    draws: int = Field(default=1000, ge=LEAST_DRAWS, le=MOST_DRAWS)
    seed: int = Field(default=7, ge=0, lt=2**32)
    target_accept: float = Field(default=0.8, gt=0.5, lt=1)
    precision: Literal["auto", "float64", "float32"] = Field(
        default="auto", description="auto: float64 on a CPU, float32 on a GPU"
    )
    layout: Literal["auto", "devices", "vectorized"] = Field(
        default="auto",
        description="devices: chains on devices of their own, auto on a CPU; vectorized: all in one, auto on a GPU",
    )


class ModelSpec(Strict):
    """One model: market, KPI, channels, priors, schedule and budget question."""

    model: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", max_length=100, description="lower case, digits and underscores"
    )
    table: str = Field(description="a mart, or weekly_tables/<name> for a weekly file of one's own")
    kpi: Kpi
    media: Media
    extensions: tuple[str, ...] = Field(
        default=(), description="modules that register further adstock and saturation kinds"
    )
    filter: dict[Column, FilterValue] = Field(
        default={}, description="rows of the table to keep: column -> value"
    )
    owner: str = "team:marketing-science"
    schedule: Literal["weekly", "none"] = "weekly"
    time: Time = Time()
    geo: Geo | None = None
    controls: tuple[Component, ...] = ()
    treatments: dict[Component, Treatment] = Field(default={})
    baseline: Baseline = Baseline()
    likelihood: Literal["normal", "student_t"] | StudentT = "normal"
    fit: Fit = Fit()
    calibration: Calibration = Calibration()
    reconciliation: ReconciliationRule = ReconciliationRule()
    review: Review = Review()
    budget: Budget = Budget()
    experiments: Experiments = Experiments()
    long_term: LongTermRule = LongTermRule()
    readiness: Readiness = Readiness()
    promotion: Promotion = Promotion()
    data_health: DataHealth = DataHealth()
    scenarios: Scenarios = Scenarios()
    margin: Margin | None = Field(
        default=None,
        description="money that one unit of the outcome leaves before media: 0.4 is a gross margin of 40 % of revenue",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_margin_and_currency(cls, value: Any) -> Any:
        """One fact is stated once."""
        return with_one_currency(with_one_margin(value)) if isinstance(value, dict) else value

    @model_validator(mode="before")
    @classmethod
    def _common_prior_without_revenue(cls, value: Any) -> Any:
        """Without revenue an ROI is in units of the KPI, of which no default can know the size."""
        if not isinstance(value, dict) or not isinstance(value.get("media"), dict):
            return value
        if not isinstance(value.get("kpi"), dict) or value["kpi"].get("kind") != "non_revenue":
            return value
        defaults = value["media"].get("defaults") or {}
        if not isinstance(defaults, dict) or "prior" in defaults:
            return value
        return {
            **value,
            "media": {**value["media"], "defaults": {**defaults, "prior": {"total_share": {}}}},
        }

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        if self.kpi.kind == "non_revenue" and self.kpi.revenue_per_unit:
            raise ValueError("kpi: `kind: non_revenue` contradicts `revenue_per_unit`: leave one out")
        for name, channel in zip(self.channels, self.channel_specs, strict=True):
            for shape in (channel.adstock, channel.saturation):
                module = shape.KINDS[shape.kind].module
                if not any(f"{module}.".startswith(f"{known}.") for known in ("mmm_core", *self.extensions)):
                    raise ValueError(
                        f"{name}: {shape.KINDS.role} '{shape.kind}' comes from module {module}: name it, so that "
                        f"whoever reads this file has it too: `extensions: [{module}]`"
                    )
        if DEFAULT in self.media.channels:
            raise ValueError(
                f"media.channels: a channel cannot be called '{DEFAULT}', which in `budget: bounds` stands for every "
                "channel that is not named: call it otherwise (its column may keep the name)"
            )
        planned = (*self.media.channels, *self.budget.new_channels)
        for key, names in self.budget.named_channels.items():
            for name in sorted(set(names) - set(planned)):
                raise ValueError(f"budget.{key} names '{name}', no paid channel: {nearest(name, planned)}")
        for name in sorted(set(self.budget.new_channels) & set(self.channels)):
            raise ValueError(f"budget.new_channels: '{name}' is a channel of the model, and has a history")
        if self.budget.geos and self.geo is None:
            raise ValueError("budget.geos: the model has no geos: leave it out, or state `geo:`")
        for name in self.experiments.channels:
            if name not in self.media.channels:
                raise ValueError(
                    f"experiments.channels names '{name}', no paid channel: {nearest(name, self.media.channels)}"
                )
        self.long_term.check_channels(self.paid)
        if self.budget.horizon == "long" and not self.long_term.metrics:
            raise ValueError(
                "budget.horizon: long counts what media bring by way of the brand: name its metrics under `long_term: "
                "metrics`, or write short"
            )
        for name, scenario in self.scenarios.plans.items():
            if fault := scenario.unknown(self.paid, self.organic, (*self.controls, *self.treatments)):
                raise ValueError(f"scenarios.plans.{name}: {fault}")
        refuse_more_than_revenue(self.margin, self.kpi.kind)
        components = [
            *self.channels, *self.controls, *self.demand_terms, *self.treatments, *self.baseline.events,
            *self.baseline.steps,
        ]  # fmt: skip
        for name in sorted({BASELINE, SEASONALITY, HOLIDAYS} & set(components)):
            raise ValueError(
                f"'{name}' is what reports call a part of the baseline: rename the component of yours"
            )
        twice = {name for name in components if components.count(name) > 1}
        if twice:
            raise ValueError(
                f"{', '.join(sorted(twice))}: named more than once among channels, controls, treatments, events and "
                "steps; each is a component of the outcome and needs a name of its own"
            )
        refuse_names_alike(components)
        for column, keys in self.column_keys.items():
            _refuse_two_roles(column, keys)
        return self

    @property
    def profit_margin(self) -> float | None:
        """Money that one unit of the outcome leaves, as gates and reports count it; None for units without a price.

        That is the model's `margin`; where none is stated all of revenue.
        """
        return self.margin if self.margin is not None or self.kpi.kind != "revenue" else 1.0

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
    def shape_parameters(self) -> dict[str, tuple[str, ...]]:
        """Every parameter of adstock and saturation, with the channels that have it."""
        out: dict[str, list[str]] = {}
        for name, channel in zip(self.channels, self.channel_specs, strict=True):
            for parameter in (*channel.adstock.parameters, *channel.saturation.parameters):
                out.setdefault(parameter, []).append(name)
        return {parameter: tuple(channels) for parameter, channels in out.items()}

    @property
    def sampled_treatments(self) -> tuple[str, ...]:
        """Treatments with a prior of their own; the others are integrated out with the controls."""
        return tuple(name for name, treatment in self.treatments.items() if treatment.prior)

    @property
    def demand_terms(self) -> dict[str, str]:
        """Terms of the baseline that stand for demand which a channel's spend follows, and those channels."""
        return {
            f"demand behind {name}": name
            for name, channel in self.media.channels.items()
            if channel.follows_demand
        }

    @property
    def student_t(self) -> StudentT | None:
        """The heavy-tailed noise, where it is asked for."""
        if isinstance(self.likelihood, StudentT):
            return self.likelihood
        return StudentT() if self.likelihood == "student_t" else None

    @property
    def l_max(self) -> int:
        """The longest lag of any channel: as many weeks at the start are media history only."""
        return max(channel.adstock.lags for channel in self.channel_specs)

    @property
    def _numbers(self) -> list[tuple[str, str]]:
        """(key of the YAML, column it names) of the columns that must hold numbers."""
        named: list[tuple[str, str | None]] = [
            ("kpi.column", self.kpi.column),
            ("kpi.revenue_per_unit", self.kpi.revenue_per_unit),
            ("geo.population", self.geo.population if self.geo else None),
        ]
        for part, members in (("channels", self.media.channels), ("organic", self.media.organic)):
            for name, channel in members.items():
                for key in ("spend", "exposure", "reach", "frequency"):
                    named.append((f"media.{part}.{name}.{key}", getattr(channel, key, None)))
        named += [("controls", column) for column in self.controls]
        named += [(f"treatments.{name}.column", lever.column) for name, lever in self.treatments.items()]
        return [(key, column) for key, column in named if column]

    @property
    def numeric_columns(self) -> tuple[str, ...]:
        """Columns that must hold numbers, without repeats, in a stable order."""
        return tuple(dict.fromkeys(column for _, column in self._numbers))

    @property
    def column_keys(self) -> dict[str, tuple[str, ...]]:
        """Every column of the table that the model reads, with the keys of the YAML that name it."""
        named = [("time.column", self.time.column)]
        if self.geo:
            named.append(("geo.column", self.geo.column))
        named += [("filter", column) for column in self.filter]
        out: dict[str, list[str]] = {}
        for key, column in (*named, *self._numbers):
            out.setdefault(column, []).append(key)
        return {column: tuple(keys) for column, keys in out.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the table that the model reads, without repeats."""
        return tuple(self.column_keys)

    @property
    def spec_hash(self) -> str:
        """Hash of what a fit reads of the specification, as far as it differs from the defaults.

        A key that is new and left at its default changes no hash. A default that is changed does not either: it is part
        of the source, which counts beside this hash in the version of a posterior.
        """
        body = self.model_dump(mode="json", exclude_defaults=True, exclude=NOT_READ_BY_A_FIT)
        if not body.get("calibration", True):  # all that was stated of it is not read by a fit
            del body["calibration"]
        return hashlib.sha256(dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        """The specification as YAML with every default written out; `parse_spec` reads it back."""
        return written_yaml(_short_priors(self.model_dump(mode="json", by_alias=True)))


def _refuse_two_roles(column: str, keys: tuple[str, ...]) -> None:
    """Raise ValueError where one column is the outcome and explains it, or is what two parts of the model bring.

    What a unit is worth may be a control or a treatment as well: a price that changes how many are sold.
    """
    media = [key for key in keys if key.startswith("media.")]
    levers = [key for key in keys if key == "controls" or key.startswith("treatments.")]
    for outcome, explaining in (("kpi.column", media + levers), ("kpi.revenue_per_unit", media)):
        if outcome in keys and explaining:
            raise ValueError(
                f"column '{column}' is {outcome} and {explaining[0]}: the outcome cannot explain itself: name another "
                f"column under {explaining[0]}, or leave it out"
            )
    if media and levers:
        raise ValueError(
            f"column '{column}' is {media[0]} and {levers[0]}: nothing tells the two effects apart: leave one out"
        )
    of_channels = {key.rpartition(".")[0]: key for key in media if not key.endswith(".frequency")}
    if len(of_channels) > 1:
        first, second, *_ = of_channels.values()
        raise ValueError(
            f"column '{column}' is {first} and {second}: two channels cannot share it: merge them, or leave one out"
        )


def load_spec(path: str | Path) -> ModelSpec:
    """Read and validate a model's YAML.

    Raises:
        SpecError: what `read_yaml` refuses, or a key or value that is refused; all faults are listed at once.
    """
    return parse_spec(read_yaml(path), name_of(path), [Path(path).parent])


def parse_spec(mapping: Any, source: str = "spec", folders: Iterable[Path] = ()) -> ModelSpec:
    """Validate a mapping read from YAML.

    Args:
        source: opens every message.
        folders: where extension modules may lie, beside the Python path and the current folder.

    Raises:
        SpecError: as `load_spec`.
    """
    if not isinstance(mapping, dict):
        raise SpecError(f"{source}: expected a mapping with model, table, kpi and media")
    load_extensions(mapping.get("extensions"), source, folders)
    try:
        return ModelSpec.model_validate(mapping)
    except ValidationError as error:
        lines = explained(error, ModelSpec, NOT_YET)
    shortest = [f"  {shortened(on_one_line(line), LONGEST_LINE)}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shortest.append(f"  and {len(lines) - MOST_LINES} more")
    raise SpecError("\n".join([f"{source}: the model specification was refused", *shortest]))


def json_schema() -> dict[str, Any]:
    """JSON Schema of a model's YAML, for editors, with every kind that is registered when it is asked for."""
    return _defaults_as_written(ModelSpec.model_json_schema(by_alias=True))


def _defaults_as_written(schema: Any) -> Any:
    """Defaults in the form of the YAML."""
    if isinstance(schema, dict):
        return {
            key: _short_priors(value) if key == "default" else _defaults_as_written(value)
            for key, value in schema.items()
        }
    return [_defaults_as_written(value) for value in schema] if isinstance(schema, list) else schema


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
