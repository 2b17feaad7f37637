"""Priors as a user writes them: `{lognormal: [0.2, 0.9]}`, or a bare number to fix a parameter.

Names and parameter order are NumPyro's. Several scalar priors become one vector site per family, so that a model
of thirty channels costs the sampler a handful of operations and not thirty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from mmm_core.errors import nearest

if TYPE_CHECKING:
    import jax

FAMILIES: dict[str, tuple[str, ...]] = {
    "normal": ("loc", "scale"),
    "lognormal": ("loc", "scale"),
    "halfnormal": ("scale",),
    "beta": ("concentration1", "concentration0"),
    "gamma": ("concentration", "rate"),
    "exponential": ("rate",),
    "uniform": ("low", "high"),
}
_NUMPYRO = {
    "normal": "Normal",
    "lognormal": "LogNormal",
    "halfnormal": "HalfNormal",
    "beta": "Beta",
    "gamma": "Gamma",
    "exponential": "Exponential",
    "uniform": "Uniform",
}
_POSITIVE_PARAMETERS = {"scale", "concentration", "concentration0", "concentration1", "rate"}


class Prior(BaseModel):
    """One scalar prior: {distribution: [parameters]}, or a number that fixes the parameter (`family` = "fixed")."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    family: str
    parameters: tuple[float, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a prior is {family: [parameters]} or a number that fixes the parameter")
        if isinstance(value, int | float):
            return {"family": "fixed", "parameters": (float(value),)}
        if isinstance(value, dict) and set(value) == {"family", "parameters"}:
            return value
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError("a prior is {family: [parameters]} or a number that fixes the parameter")
        ((family, parameters),) = value.items()
        return {"family": str(family), "parameters": parameters}

    @model_validator(mode="after")
    def _check(self) -> Prior:
        if self.family == "fixed":
            return self
        if self.family not in FAMILIES:
            raise ValueError(f"unknown distribution '{self.family}': {nearest(self.family, FAMILIES)}")
        names = FAMILIES[self.family]
        if len(self.parameters) != len(names):
            raise ValueError(f"{self.family} takes {list(names)}, got {list(self.parameters)}")
        for name, number in zip(names, self.parameters, strict=True):
            if name in _POSITIVE_PARAMETERS and number <= 0:
                raise ValueError(f"{self.family}: {name} must be positive, got {number}")
        if self.family == "uniform" and self.parameters[0] >= self.parameters[1]:
            raise ValueError(f"uniform: low must be below high, got {list(self.parameters)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What a user writes, not what it is turned into."""
        del core_schema, handler
        families = {
            family: {
                "type": "array",
                "items": {"type": "number"},
                "minItems": len(names),
                "maxItems": len(names),
                "description": ", ".join(names),
            }
            for family, names in FAMILIES.items()
        }
        stated = {
            "type": "object",
            "properties": families,
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        }
        return {"title": "Prior", "description": str(cls.__doc__), "anyOf": [{"type": "number"}, stated]}

    @property
    def words(self) -> str:
        """As a user writes it: `{beta: [3, 3]}`, or the number that fixes the parameter."""
        numbers = ", ".join(f"{number:g}" for number in self.parameters)
        return numbers if self.family == "fixed" else f"{{{self.family}: [{numbers}]}}"

    def frozen(self) -> Any:
        """The same distribution as a frozen scipy one (for medians, quantiles and plots)."""
        from scipy import stats  # half a second that those who only read a specification need not spend

        a = self.parameters
        match self.family:
            case "normal":
                return stats.norm(*a)
            case "lognormal":
                return stats.lognorm(s=a[1], scale=np.exp(a[0]))
            case "halfnormal":
                return stats.halfnorm(scale=a[0])
            case "beta":
                return stats.beta(*a)
            case "gamma":
                return stats.gamma(a[0], scale=1 / a[1])
            case "exponential":
                return stats.expon(scale=1 / a[0])
            case "uniform":
                return stats.uniform(a[0], a[1] - a[0])
        raise ValueError("a fixed value has no distribution")

    def median(self) -> float:
        """The prior's median, or the fixed value."""
        return self.parameters[0] if self.family == "fixed" else float(self.frozen().median())

    def support(self) -> tuple[float, float]:
        """Lower and upper end of the prior's support."""
        if self.family == "fixed":
            return self.parameters[0], self.parameters[0]
        if self.family == "uniform":
            return self.parameters[0], self.parameters[1]
        return {"normal": (-np.inf, np.inf), "beta": (0.0, 1.0)}.get(self.family, (0.0, np.inf))


Tables = dict[str, Any]
"""Numbers of the priors of a vector: family -> (entries of that family, parameters), a log normaliser after the
parameters of a beta or gamma distribution."""


def prior_tables(priors: Sequence[Prior]) -> Tables:
    """The numbers of some priors, which a program takes as arguments: other numbers compile nothing anew."""
    tables = {
        family: np.array([p.parameters for p in priors if p.family == family], dtype=float)
        for family in sorted({p.family for p in priors})
    }
    # worked out here: a log gamma function in the program takes longer to compile than all else of the prior
    if "beta" in tables or "gamma" in tables:
        from scipy.special import betaln, gammaln

        if "beta" in tables:
            a, b = tables["beta"].T
            tables["beta"] = np.column_stack([a, b, betaln(a, b)])
        if "gamma" in tables:
            a, b = tables["gamma"].T
            tables["gamma"] = np.column_stack([a, b, gammaln(a) - a * np.log(b)])
    return tables


def sample_vector(
    name: str, priors: Sequence[Prior], tables: Tables | None = None, repeat: int | None = None
) -> jax.Array:
    """A vector whose i-th entry follows `priors[i]`; for use inside a NumPyro model.

    Entries of one family share a site: it is called `name` when every entry is of that family and
    `name_<family>` otherwise. Fixed entries are no site at all.

    Args:
        tables: the priors' numbers where they are traced; only the families of `priors` are then read.
        repeat: this many independent vectors, on a leading axis.
    """
    import jax.numpy as jnp
    import numpyro

    tables = prior_tables(priors) if tables is None else tables
    leading = () if repeat is None else (repeat,)
    entries: list[Any] = [None] * len(priors)
    for family in tables:
        positions = [i for i, prior in enumerate(priors) if prior.family == family]
        table = jnp.asarray(tables[family])
        if family == "fixed":
            values = jnp.broadcast_to(table[:, 0], (*leading, len(positions)))
        else:
            site = name if len(tables) == 1 else f"{name}_{family}"
            whole = (
                _distribution(family, table.T).expand([*leading, len(positions)]).to_event(1 + len(leading))
            )
            values = numpyro.sample(site, whole)
            if family == "uniform":
                low, high = table.T
                values = low + (high - low) * values
        if len(tables) == 1:
            return values
        for position, i in enumerate(positions):
            entries[i] = values[..., position]
    return jnp.stack(entries, axis=-1)


def _distribution(family: str, columns: Any) -> Any:
    """NumPyro's distribution of a family; a beta or gamma one with its normaliser at hand.

    A uniform one is on [0, 1]: a support must not depend on numbers that are traced.
    """
    import numpyro.distributions as dist

    if family == "uniform":
        return dist.Uniform(0.0, 1.0)
    kind = getattr(dist, _NUMPYRO[family])
    if family not in _POWERS:
        return kind(*columns)
    return _normalised(kind)(*columns)


_POWERS: dict[str, Any] = {
    "beta": lambda jnp, x, a, b: (a - 1) * jnp.log(x) + (b - 1) * jnp.log1p(-x),
    "gamma": lambda jnp, x, a, b: (a - 1) * jnp.log(x) - b * x,
}
"""Log densities without their normalisers."""


@cache
def _normalised(kind: Any) -> Any:
    """A two-parameter distribution that is told its log normaliser."""
    import jax.numpy as jnp

    class Normalised(kind):
        """See `_normalised`."""

        pytree_data_fields = ("log_normaliser",)

        def __init__(self, a: Any, b: Any, log_normaliser: Any) -> None:
            self.log_normaliser = log_normaliser
            self.numbers = (a, b)
            super().__init__(a, b)

        def log_prob(self, value: Any) -> Any:
            return _POWERS[kind.__name__.lower()](jnp, value, *self.numbers) - self.log_normaliser

    return Normalised
