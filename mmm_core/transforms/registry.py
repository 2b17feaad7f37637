"""Kinds of carryover and saturation: what a kind is, and how one is added.

`mmm_core.transforms.adstock.ADSTOCKS` and `mmm_core.transforms.saturation.SATURATIONS` hold the kinds a specification
may name. One of your own is a function and its parameters, in a module (`my_shapes.py`) that the model's YAML names
under `extensions`:

    import jax.numpy as jnp

    from mmm_core import ADSTOCKS, parameter


    @ADSTOCKS.register("linear", span=parameter("weeks until nothing is left", uniform=[1, 8]))
    def linear(lags, span):
        '''An effect that falls by the same amount each week.'''
        return jnp.clip(1 - lags / span, 0)

and the YAML says

    extensions: [my_shapes]
    media:
      defaults: {adstock: {kind: linear, l_max: 8, span: {uniform: [1, 6]}}}

The function is written for one channel or many: its parameters come with a last axis of length 1 (adstock), or of one
entry for each axis of the media (saturation), and broadcast. Where it is not differentiable the sampler will say so. A
saturation must increase, adstock weights must not be negative. A saturation may also be registered with `steepest`, a
function of its parameters that returns the media at which its slope is greatest, and that slope: it says that the slope
rises up to there and falls after it, which makes a budget's certificate tight. Without it a certificate holds as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmm_core.errors import nearest
from mmm_core.priors import Prior

Function = Callable[..., Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kind: its default prior, where it may lie and what it means."""

    prior: Prior
    description: str
    low: float = 0.0
    high: float = float("inf")


def parameter(
    description: str, low: float = 0.0, high: float = float("inf"), **prior: list[float]
) -> Parameter:
    """A parameter with its default prior in the form of the YAML: `parameter("...", lognormal=[0, 1])`."""
    return Parameter(Prior.model_validate(prior), description, low, high)


def hold_within(prior: Prior, low: float, high: float) -> None:
    """Raise ValueError when a prior reaches outside of [low, high]."""
    start, end = prior.support()
    if low <= start and end <= high:
        return
    if (low, high) == (0.0, float("inf")):
        remedy = "write lognormal, halfnormal or gamma"
    elif (low, high) == (0.0, 1.0):
        remedy = "write beta"
    else:
        remedy = "write uniform between them"
    raise ValueError(
        f"the prior must stay within [{low:g}, {high:g}], its support is [{start:g}, {end:g}]: {remedy}, or a number "
        "in it"
    )


@dataclass(frozen=True)
class Kind:
    """A named function with its parameters, and where a saturation is steepest, if that is known."""

    name: str
    function: Function
    parameters: dict[str, Parameter] = field(default_factory=dict)
    steepest: Function | None = None

    @property
    def description(self) -> str:
        """First line of the function's docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]

    @property
    def module(self) -> str:
        """The module that registers it."""
        return self.function.__module__


class Kinds(dict[str, Kind]):
    """The known kinds of one role, by the name a specification uses."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role

    def register(
        self, name: str, *, steepest: Function | None = None, **parameters: Parameter
    ) -> Callable[[Function], Function]:
        """Add the decorated function under `name`. A name that is taken by another function is refused.

        Args:
            steepest: parameters -> (media at which the slope is greatest, that slope), where the slope rises up to
                there and falls after it.
        """

        def add(function: Function) -> Function:
            known, kind = self.get(name), Kind(name, function, parameters, steepest)
            if known is not None and (known.module, known.function.__qualname__) != (
                kind.module,
                function.__qualname__,
            ):
                raise ValueError(
                    f"{self.role} '{name}' is already registered by {known.module}: choose another name"
                )
            self[name] = kind
            return function

        return add

    def complete(self, stated: dict[str, Any], own_keys: tuple[str, ...]) -> dict[str, Any]:
        """What a YAML states of one channel, with the kind's default priors filled in.

        Raises:
            ValueError: an unknown kind, a parameter that the kind does not have.
        """
        name = stated.get("kind")
        kind = self.get(str(name))
        if kind is None:
            raise ValueError(f"unknown {self.role} '{name}': {nearest(str(name), self)}")
        known = (*own_keys, *kind.parameters)
        for key in stated:
            if key not in known:
                raise ValueError(f"{self.role} '{name}' has no '{key}': {nearest(str(key), known)}")
        defaults = {key: value.prior for key, value in kind.parameters.items()}
        return {**defaults, **stated}

    def json_schema(self, prior: dict[str, Any]) -> dict[str, Any]:
        """JSON Schema of the key `kind` and of every kind's parameters; `prior` is that of a prior."""
        users: dict[str, dict[str, list[str]]] = {}
        for kind in self.values():
            for name, value in kind.parameters.items():
                words = f"{value.description}, default {value.prior.words}"
                users.setdefault(name, {}).setdefault(words, []).append(kind.name)
        kinds = "; ".join(f"{kind.name}: {kind.description.rstrip('.')}" for kind in self.values())
        parameters = {
            name: {
                **prior,
                "description": "; ".join(f"{', '.join(of)}: {words}" for words, of in texts.items()),
            }
            for name, texts in users.items()
        }
        return {"kind": {"enum": list(self), "description": kinds}, **parameters}

    def check_supports(self, name: str, priors: dict[str, Prior]) -> None:
        """Raise ValueError when a prior reaches outside of where its parameter may lie."""
        for key, value in self[name].parameters.items():
            try:
                hold_within(priors[key], value.low, value.high)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
