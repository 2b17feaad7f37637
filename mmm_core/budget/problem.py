"""The question that is put to a response, and what an answer says of itself.

    Problem       response, constraints, objective, goal
    Goal          which budget: what is maximised or what must be reached
    PlanCertificate  how far the plan is from the best there can be, and what holds it back

The four goals, S being the plan's spend and V the objective's value of its draws:

    outcome       maximise V (the total is fixed, or bounded, by the constraints)
    net           maximise scale x V - price . spend: profit at a gross margin `scale`, or spend up to a marginal return
    return        maximise V with V >= target x S: the most outcome at an ROI of `target` at least
    least_spend   minimise S with V >= target
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.budget.constraints import Constraints
from mmm_core.budget.marginal_unit import PROBABILITY
from mmm_core.budget.objective import Objective
from mmm_core.budget.response import Curves, Response

FEW = 60
"""Cells up to which the slopes of every draw are worked out at once."""


@dataclass(frozen=True)
class Goal:
    """What the spend is for.

    Attributes:
        kind: as the module says.
        target: the return, or the value that is to be reached.
        scale: what a unit of the value is worth in money, in `net`.
        price: (cell,) what a unit of spend costs in `net`; of `return`, what a unit counts.
    """

    kind: Literal["outcome", "net", "return", "least_spend"] = "outcome"
    target: float = 0.0
    scale: float = 1.0
    price: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Problem:
    """A question with everything that an answer needs.

    Attributes:
        response: draws of what a plan brings.
        constraints: plans that may be recommended.
        objective: what draws are judged by.
        goal: what the spend is for.
        start: (cell,) a plan to begin with, such as today's; it need not be feasible.
    """

    response: Response
    constraints: Constraints
    objective: Objective = field(default_factory=Objective)
    goal: Goal = field(default_factory=Goal)
    start: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def price(self) -> np.ndarray:
        """(cell,) what is taken off the value for a unit of spend."""
        return self.goal.price if self.goal.kind == "net" else np.zeros(self.constraints.cells)

    @property
    def scale(self) -> float:
        """What the value is multiplied by before the price of spend is taken off."""
        return self.goal.scale if self.goal.kind == "net" else 1.0

    def draws(self, spend: np.ndarray) -> np.ndarray:
        """What a plan brings, (draw,)."""
        return np.asarray(_outcome(self.response, jnp.asarray(spend)))

    def worth(self, spend: np.ndarray) -> float:
        """What is maximised, at a plan: scale x value - price . spend. Constraints and targets are not looked at."""
        return self.scale * self.objective.value(self.draws(spend)) - float(self.price @ spend)

    def slopes(self, spend: np.ndarray) -> np.ndarray:
        """The gradient of `worth`, (cell,)."""
        return self.worth_and_slopes(spend)[1]

    def worth_and_slopes(self, spend: np.ndarray, width: float | None = None) -> tuple[float, np.ndarray]:
        """`worth` and its gradient (cell,); of a probability, smoothed by a logistic of this width."""
        objective = self.objective
        if objective.kind != PROBABILITY and isinstance(self.response, Curves) and len(spend) <= FEW:
            # cells do not touch each other: one pass gives the slopes of every draw, and no draw is sorted by JAX
            draws, slopes = (
                np.asarray(part) for part in _outcome_and_slopes(self.response, jnp.asarray(spend))
            )
            weights = objective.weights(draws)
            return self._net(float(weights @ draws), weights @ slopes, spend)
        if objective.kind == PROBABILITY and width is None:
            width = 0.1 * float(np.std(self.draws(spend) - objective.reference)) or 1.0
        reference = jnp.asarray(objective.reference, dtype=float)
        value, gradient = _traced(
            replace(objective, reference=0.0), self.response, jnp.asarray(spend), reference, width or 1.0
        )
        return self._net(float(value), np.asarray(gradient, dtype=float), spend)

    def _net(self, value: float, gradient: np.ndarray, spend: np.ndarray) -> tuple[float, np.ndarray]:
        """A value and its gradient (cell,) with the price of spend taken off."""
        gradient = np.nan_to_num(gradient, posinf=1e12, neginf=-1e12)
        return self.scale * value - float(self.price @ spend), self.scale * gradient - self.price

    def maximising(self, price: np.ndarray | float) -> Problem:
        """The same constraints, with value - price . spend to be maximised."""
        prices = np.broadcast_to(np.asarray(price, dtype=float), (self.constraints.cells,))
        return replace(self, goal=Goal("net", price=prices))


@jax.jit
def _outcome(response: Any, spend: Any) -> Any:
    return response.outcome(spend)


@jax.jit
def _outcome_and_slopes(curves: Curves, spend: Any) -> tuple[Any, Any]:
    """Outcome (draw,) of a plan, and of one more unit of spend in each cell, (draw, cell)."""
    cells, slopes = jax.jvp(curves.cells, (spend,), (jnp.ones_like(spend),))
    return cells.sum(axis=1), slopes


@partial(jax.jit, static_argnums=0)
def _traced(objective: Objective, response: Any, spend: Any, reference: Any, width: Any) -> tuple[Any, Any]:
    """The objective's value and its gradient; with a reference of 0, which `reference` takes the place of."""
    return jax.value_and_grad(
        lambda x: (
            objective.traced(response.outcome(x) - reference, width)
            + (0.0 if objective.kind == "probability" else reference.mean())
        )
    )(spend)


@dataclass(frozen=True)
class Binding:
    """A constraint that holds a plan back.

    Attributes:
        name: of the constraint. price: what loosening it by one unit of spend would add to what is maximised.
        words: the same as a sentence.
    """

    name: str
    price: float
    words: str


@dataclass(frozen=True)
class PlanCertificate:
    """What is known about a plan's distance from the best there can be.

    Attributes:
        value: of the plan: what is maximised, or the spend where that is minimised.
        bound: no plan within the constraints does better.
        gap: how far apart the two are, relative to the larger.
        rests_on: what the bound was worked out from, in words.
        kkt_residual: the most that a small change of the plan would gain for a unit of spend moved, relative to the
            steepest slope; 0 at a stationary point.
        marginal: (cell,) what one more unit of spend adds to what is maximised.
        binding: constraints that hold the plan back, those of the highest price first.
        stopped_early: what ended before it was done, in words; "" where everything went on to its end, or the bound
            proves the plan all the same.
    """

    value: float
    bound: float
    gap: float
    rests_on: str
    kkt_residual: float
    marginal: np.ndarray
    binding: tuple[Binding, ...]
    stopped_early: str = ""


@dataclass(frozen=True)
class Answer:
    """The plan (cell,) that was found, with its draws (draw,) and its certificate."""

    spend: np.ndarray
    draws: np.ndarray
    certificate: PlanCertificate


Progress = Callable[[int, int], None]
"""Told (steps done, steps)."""
