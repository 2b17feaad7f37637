"""What the `budget:` section of a model's YAML may say: the question put to its posterior.

Nothing of it is read by a fit.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from mmm_core.priors import Prior
from mmm_core.spec.margin import Margin
from mmm_core.spec.media_spec import Strict

DEFAULT = "default"
"""The key of `budget.bounds` for every channel that it does not name."""

AS_LIST, AS_MAPPING = "bounds as a list", "bounds as a mapping"

MOST_MONEY = 1e15
"""No budget is larger in any currency: above it a slip of the pen, and figures that no table holds."""

Amount = Annotated[float, Field(le=MOST_MONEY, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=MOST_MONEY, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=MOST_MONEY, allow_inf_nan=False)]
Range = tuple[Amount, Amount]

ON_CURVES = frozenset({"horizon", "price_rise", "discount", "commitments", "locked", "change_limit"})
"""Keys beyond the plain question that leave a plan of a fixed total a sum of channels' curves within their bounds."""


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


class Group(Strict):
    """Least and most spend of several channels together."""

    channels: tuple[str, ...] = Field(min_length=1, description="paid channels")
    relative: Range | None = Field(
        default=None, description="multiples of what they cost together in the last comparable period"
    )
    spend: Range | None = Field(default=None, description="money over the period")

    @model_validator(mode="after")
    def _either(self) -> Group:
        Bounds(relative=self.relative, spend=self.spend)
        return self

    @property
    def bounds(self) -> Bounds:
        """Of the sum."""
        return Bounds(relative=self.relative, spend=self.spend)


class Cvar(Strict):
    """The mean outcome of the worst draws."""

    level: float = Field(
        default=0.8, ge=0, lt=1, description="0.8: the mean of the worst fifth; 0: of all of them"
    )


class MeanRisk(Strict):
    """The mean outcome less so many times its risk."""

    weight: float = Field(default=1.0, ge=0, le=100, description="of the risk")
    risk: Literal["sd", "shortfall"] = Field(
        default="sd",
        description="standard deviation, or how far the mean of the worst draws lies below the mean",
    )
    level: float = Field(default=0.8, ge=0, lt=1, description="which draws are the worst, of a shortfall")


class Probability(Strict):
    """The probability of bringing more than the current plan, or than a figure."""

    of: Literal["current"] | float = Field(
        default="current", description="current: the last period's plan; or an outcome"
    )


class ObjectiveRule(Strict):
    """What plans are judged by: exactly one of its keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    cvar: Cvar | None = None
    mean_risk: MeanRisk | None = None
    probability: Probability | None = None

    @model_validator(mode="after")
    def _one(self) -> ObjectiveRule:
        if [self.cvar, self.mean_risk, self.probability].count(None) != 2:
            raise ValueError("state exactly one of cvar, mean_risk, probability")
        return self


class Profit(Strict):
    """Spend as much as pays: gross margin of the outcome less what media cost."""

    margin: Margin | None = Field(
        default=None,
        description="money that one unit of the outcome leaves; default the model's `margin`",
    )

    @model_validator(mode="after")
    def _priced(self) -> Profit:
        if self.margin is None:
            raise ValueError("a profit needs a margin: state the model's `margin`, 0.4 for 40 % of revenue")
        return self


class GoalRule(Strict):
    """Which budget: exactly one of its keys. The total then follows, and `total` is the most it may be."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    profit: Profit | None = Field(default=None, description="the profit maximum")
    roi: Positive | None = Field(
        default=None, description="the most outcome whose return per unit of spend is this at least"
    )
    mroi: Positive | None = Field(default=None, description="spend until one more unit returns this")
    outcome: Positive | None = Field(
        default=None, description="the least spend that brings this incremental outcome"
    )

    @model_validator(mode="after")
    def _one(self) -> GoalRule:
        if [self.profit, self.roi, self.mroi, self.outcome].count(None) != 3:
            raise ValueError("state exactly one of profit, roi, mroi, outcome")
        return self


class NewChannel(Strict):
    """A channel without history, whose curve is believed: a Hill curve through a return at a spend."""

    spend: Positive = Field(description="a spend over the period at which the return is believed")
    roi: Prior = Field(description="outcome per unit of spend at that spend")
    half_saturation: Prior = Field(
        default=Prior.model_validate({"lognormal": [0.4, 0.7]}),
        description="spend at half of the ceiling, as a multiple of `spend`",
    )
    slope: Prior = Field(default=Prior.model_validate({"lognormal": [0, 0.25]}), description="Hill exponent")
    bounds: Bounds = Field(description="in money, `{spend: [0, 50000]}`")

    @model_validator(mode="after")
    def _in_money(self) -> NewChannel:
        if self.bounds.spend is None:
            raise ValueError(
                "a new channel has no last period: state its bounds in money, {spend: [0, 50000]}"
            )
        return self


Pattern = Literal["even", "past", "pulsed", "front_loaded"]

After = Literal["continue", "none"]
"""What paid media do after a horizon."""


class Budget(Strict):
    """The next period's budget question."""

    weeks: int = Field(default=13, ge=1, le=104)
    total: float | None = Field(
        default=None,
        gt=0,
        le=MOST_MONEY,
        allow_inf_nan=False,
        description="in the currency of spend; default: the last period's. With a goal: the most it may be",
    )
    horizon: Literal["short", "long"] = Field(
        default="short",
        description="short: what media bring within their carryover; long: by way of the brand as well, as the model's "
        "`long_term` finds it within its own horizon",
    )
    after: After = Field(
        default="continue",
        description="media after the period, with which what it carries over saturates. continue: as in the last "
        "period, under every plan; none: nothing is bought",
    )
    bounds: dict[
        str,
        Annotated[Annotated[Range, Tag(AS_LIST)] | Annotated[Bounds, Tag(AS_MAPPING)], Discriminator(_form)],
    ] = Field(
        default={DEFAULT: (0.7, 1.3)},
        description="channel -> [least, most] relative to the last comparable period, or {spend: [least, most]} in "
        "money; `default` for the channels that are not named",
    )
    objective: Literal["expected"] | ObjectiveRule = Field(
        default="expected",
        description="expected outcome; {cvar: ...}, {mean_risk: ...} or {probability: ...}",
    )
    by: Literal["channel", "geo", "week"] = Field(
        default="channel",
        description="what is decided: spend by channel, by geo and channel, by week and channel",
    )
    goal: GoalRule | None = Field(
        default=None, description="a budget that follows from a target; else the total is fixed"
    )
    patterns: tuple[Pattern, ...] = Field(
        default=(), description="flightings to choose from for each channel; the last period's where empty"
    )
    groups: dict[str, Group] = Field(default={}, description="limits on the sum of some channels")
    geos: dict[str, Bounds] = Field(default={}, description="limits on a geo's spend, with `by: geo`")
    weekly: Bounds | None = Field(default=None, description="limits on each week's spend, with `by: week`")
    commitments: dict[str, NotNegative] = Field(
        default={}, description="channel -> money that is spent in any case"
    )
    locked: tuple[str, ...] = Field(
        default=(), description="channels whose spend stays as it was, in each geo, week and flighting"
    )
    change_limit: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="no channel changes by more than this share of its last spend, of all geos and weeks together",
    )
    all_or_nothing: dict[str, Positive] = Field(
        default={},
        description="channel -> least spend where it has any, in place of its lower bound; it may have none, unless "
        "`commitments` has money for it",
    )
    new_channels: dict[str, NewChannel] = Field(default={}, description="channels without history")
    price_rise: dict[str, NotNegative] = Field(
        default={},
        description="channel -> by how much its price rises, in per cent for each per cent of media bought above the "
        "last period's",
    )
    discount: float = Field(
        default=0.0, ge=0, lt=1, description="annual rate at which later outcome counts less"
    )
    currency: str | None = Field(
        default=None, description="of total and bounds; refused where it is not that of the table"
    )

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

    @model_validator(mode="after")
    def _consistent(self) -> Budget:
        if self.geos and self.by != "geo":
            raise ValueError("geos: limits of geos need `by: geo`")
        if self.weekly and self.by != "week":
            raise ValueError("weekly: limits of weeks need `by: week`")
        if self.patterns and self.by != "channel":
            raise ValueError(
                "patterns: a flighting is chosen with `by: channel`; with `by: week` every week is free"
            )
        if self.by == "week" and self.new_channels:
            raise ValueError("new_channels: a curve over the period says nothing of weeks; use `by: channel`")
        if self.by == "week" and self.price_rise:
            raise ValueError(
                "price_rise: it is a price of the whole period, which weeks do not have; use `by: channel`"
            )
        if self.by == "geo" and self.all_or_nothing:
            raise ValueError(
                "all_or_nothing: it is about a channel's whole spend, not that of a geo; use `by: channel`"
            )
        self._refuse_probability_of_a_goal()
        self._refuse_switched_within_a_change_limit()
        self._refuse_new_among_the_old()
        if len(set(self.patterns)) < len(self.patterns):
            raise ValueError("patterns: one is there twice: name each once")
        if self.patterns and "past" not in self.patterns:
            raise ValueError("patterns: name `past` too, which plans are held against")
        return self

    def _refuse_probability_of_a_goal(self) -> None:
        if self.goal is not None and isinstance(self.objective, ObjectiveRule) and self.objective.probability:
            raise ValueError(
                "goal: money cannot be held against a probability: use another objective, such as {cvar: {}}, or leave "
                "the goal out and state `total`"
            )

    def _refuse_switched_within_a_change_limit(self) -> None:
        """None is a change of 100 %: a channel cannot be free to have none and bound to change by less."""
        if self.change_limit is None or self.change_limit >= 1:
            return
        for name in sorted(set(self.all_or_nothing) - set(self.new_channels) - set(self.locked)):
            raise ValueError(
                f"all_or_nothing: {name} may have none, a change of 100 %, and change_limit allows "
                f"{self.change_limit:.0%}: leave one of the two out; `bounds` hold the other channels without it"
            )

    def _refuse_new_among_the_old(self) -> None:
        """Raise ValueError for keys that mean nothing of a channel without a last period."""
        for name in self.new_channels:
            if name in self.bounds:
                raise ValueError(
                    f"bounds: {name} is a new channel: state its bounds under new_channels.{name}.bounds alone"
                )
            if name in self.locked:
                raise ValueError(
                    f"locked: {name} is a new channel, without a last spend to stay at: fix it by "
                    f"new_channels.{name}.bounds, {{spend: [least, most]}} with both the same"
                )
        for key, group in self.groups.items():
            if group.relative is not None and set(group.channels) <= set(self.new_channels):
                raise ValueError(
                    f"groups.{key}: new channels cost nothing in the last period, of which `relative` is a multiple: "
                    "state {spend: [least, most]}"
                )

    def bounds_of(self, channel: str) -> Bounds:
        """Least and most spend of a channel."""
        bounds = self.bounds.get(channel, self.bounds[DEFAULT])
        return bounds if isinstance(bounds, Bounds) else Bounds(relative=bounds)

    @property
    def named_channels(self) -> dict[str, tuple[str, ...]]:
        """Channels that each key names."""
        return {
            "bounds": tuple(name for name in self.bounds if name != DEFAULT),
            **{f"groups.{name}.channels": group.channels for name, group in self.groups.items()},
            "commitments": tuple(self.commitments),
            "locked": self.locked,
            "all_or_nothing": tuple(self.all_or_nothing),
            "price_rise": tuple(self.price_rise),
        }

    @property
    def money(self) -> tuple[str, ...]:
        """Keys that state money over the period, or what it brings."""
        of_parts = [group.spend for group in self.groups.values()] + [
            rule.spend for rule in self.geos.values()
        ]
        rule = self.objective.probability if isinstance(self.objective, ObjectiveRule) else None
        stated = {
            "total": self.total is not None,
            "bounds": any(self.bounds_of(name).spend is not None for name in self.bounds),
            "groups or geos": any(spend is not None for spend in of_parts),
            "commitments": bool(self.commitments),
            "all_or_nothing": bool(self.all_or_nothing),
            "new_channels": bool(self.new_channels),
            "goal": self.goal is not None and self.goal.outcome is not None,
            "objective": rule is not None and rule.of != "current",
        }
        return tuple(name for name, is_stated in stated.items() if is_stated)

    @property
    def amounts(self) -> tuple[str, ...]:
        """Keys that state money, over the period or in each of its weeks."""
        of_weeks = self.weekly is not None and self.weekly.spend is not None
        return (*self.money, *(("weekly",) if of_weeks else ()))

    @property
    def asks_more(self) -> tuple[str, ...]:
        """Keys beyond total, weeks and bounds that are not at their defaults."""
        plain = {"weeks", "total", "bounds", "after", "currency"}
        return tuple(
            name
            for name, field in type(self).model_fields.items()
            if name not in plain and getattr(self, name) != field.get_default()
        )

    @property
    def beyond_curves(self) -> tuple[str, ...]:
        """Keys that are at their defaults in `on_curves`: what curves of channels and a fixed total do not answer."""
        return tuple(name for name in self.asks_more if name not in ON_CURVES)

    def on_curves(self) -> Budget:
        """The question as far as curves of channels answer it: the most expected outcome of a fixed total, by channel.

        Within the bounds of each channel with a history, and with all that says what its spend brings: horizon,
        discount, prices that rise.
        """
        fields = type(self).model_fields
        left = {name: fields[name].get_default(call_default_factory=True) for name in self.beyond_curves}
        of_channels = {
            name: {key: value for key, value in getattr(self, name).items() if key not in self.new_channels}
            for name in ("bounds", "commitments", "price_rise")
        }
        return self.model_copy(update={**left, **of_channels})
