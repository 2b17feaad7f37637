"""What a model is: the Pydantic type behind `models/<name>.yaml`, and how a file becomes one; its parts are beside.

Everything a user may write is a field here; the JSON Schema and docs/model-spec.md follow from these types. A key that
nothing knows is refused with the nearest known one, and a key of the specification that this version does not fit yet
is refused by name, so that no line of a YAML is ever silently ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from mmm_core.errors import SpecError, nearest, on_one_line, shortened
from mmm_core.inputs import name_of
from mmm_core.json_text import dumps
from mmm_core.spec.baseline_spec import BASELINE, HOLIDAYS, SEASONALITY, Baseline
from mmm_core.spec.budget_spec import DEFAULT, Budget
from mmm_core.spec.calibration_spec import Calibration
from mmm_core.spec.currency import with_one_currency
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.spec.experiments_spec import Experiments
from mmm_core.spec.extensions import load_extensions
from mmm_core.spec.faults import explained
from mmm_core.spec.fit_spec import Fit
from mmm_core.spec.kpi_spec import Geo, Kpi, StudentT, Time
from mmm_core.spec.long_term_spec import LongTermRule
from mmm_core.spec.margin import Margin, refuse_more_than_revenue, with_one_margin
from mmm_core.spec.media_spec import Channel, Media, Organic, Strict
from mmm_core.spec.names import Column, Component, FilterValue, refuse_names_alike
from mmm_core.spec.promotion_spec import Promotion
from mmm_core.spec.readiness_spec import Readiness
from mmm_core.spec.reconciliation_spec import ReconciliationRule
from mmm_core.spec.review_spec import Review
from mmm_core.spec.scenarios_spec import Scenarios
from mmm_core.spec.treatment_spec import Treatment
from mmm_core.spec.yaml_file import read_yaml, written_yaml

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
