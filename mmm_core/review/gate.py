"""The review of a posterior: every check, in the order they run.

A check says its figure, its threshold and, when it fails, what to do. `CHECKS` lists them all and, like this whole
room, imports neither JAX nor ArviZ until a check runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mmm_core.review.check import Check, CheckInfo, CheckResult
from mmm_core.review.convergence import Divergences, EBfmi, EssBulk, EssTail, Exact, RHat
from mmm_core.review.event_weeks import EventWeeks
from mmm_core.review.holdout import Holdout
from mmm_core.review.identifiability import Identifiability
from mmm_core.review.plausibility import NegativeBaseline, RoiPlausible, ShareOfSpend
from mmm_core.review.predictive import Coverage, Mape, RSquared
from mmm_core.review.sensitivity import PriorSensitivity
from mmm_core.review.stability import Stability
from mmm_core.review.subject import Subject
from mmm_core.spec.model_spec import Review

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from mmm_core.posterior.handle import Posterior

REGISTRY: tuple[type[Check], ...] = (
    Exact, RHat, EssBulk, EssTail, Divergences, EBfmi, Mape, RSquared, Coverage, Holdout,
    PriorSensitivity, NegativeBaseline, RoiPlausible, ShareOfSpend, Identifiability, EventWeeks, Stability,
)  # fmt: skip

CHECKS: tuple[CheckInfo, ...] = tuple(CheckInfo(c.name, c.severity, c.description) for c in REGISTRY)
"""Every check's name, severity and description, in the order they run."""


def checks(thresholds: Review) -> tuple[Check, ...]:
    """The checks with the thresholds of a specification's `review:`."""
    return tuple(check(thresholds) for check in REGISTRY)


def review(
    tree: xr.DataTree | Posterior,
    thresholds: Review | Mapping[str, Any] | None = None,
    *,
    table: pd.DataFrame | None = None,
    holdout: xr.DataTree | Posterior | None = None,
    previous: xr.DataTree | Posterior | None = None,
    progress: Callable[[Any], None] | None = None,
    name: str = "the posterior",
    source: str = "table",
) -> tuple[CheckResult, ...]:
    """Put every check to a posterior.

    Args:
        tree: the posterior.
        thresholds: those of the specification's `review:` by default; a mapping replaces the ones it names.
        table: the weekly table, for the refit without the last weeks. Without it, and without `holdout`, the holdout
            check fails as not run.
        holdout: that refit, where it is already there.
        previous: an earlier posterior of the model, for the stability check.
        progress: told how far the refit is.
        name, source: what to call the posterior and the table in messages.

    Returns:
        The verdicts in the order of `CHECKS`.

    Raises:
        InputError: the table was refused, or it, or the refit's, is another than the posterior's.
    """
    from mmm_core.data.table import check_table, fingerprint
    from mmm_core.posterior.handle import Posterior

    posterior = Posterior.of(tree)
    spec = posterior.spec
    if not isinstance(thresholds, Review):
        thresholds = Review.model_validate({**spec.review.model_dump(), **(thresholds or {})})
    if table is not None:
        posterior.refuse_another_table(fingerprint(check_table(table, spec, source)), source, name)
    if holdout is not None:
        posterior.refuse_another_table(str(holdout.attrs["table"]), "the table of the holdout refit", name)
    if holdout is None and table is not None and thresholds.holdout_weeks:
        from mmm_core.inference.fit import refit

        whole = None if isinstance(tree, Posterior) else tree
        holdout = refit(table, spec, whole, thresholds.holdout_weeks, progress=progress, source=source)
    subject = Subject(
        posterior,
        None if holdout is None else Posterior.of(holdout),
        None if previous is None else Posterior.of(previous),
    )
    return tuple(check.run(subject) for check in checks(thresholds))
