"""The review of a posterior: every check, in the order they run.

A check says its figure, its threshold and, when it fails, what to do. `CHECKS` lists them all and, like this whole
room, imports neither JAX nor ArviZ until a check runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmm_core.review.breaks import BreaksInLevel, History
from mmm_core.review.check import Check, CheckInfo, CheckResult
from mmm_core.review.convergence import Divergences, EBfmi, EssBulk, EssTail, Exact, RHat
from mmm_core.review.event_weeks import EventWeeks
from mmm_core.review.holdout import Holdout, MediaForecast
from mmm_core.review.identifiability import Identifiability
from mmm_core.review.lift_tests import LiftTests
from mmm_core.review.plausibility import NegativeBaseline, RoiPlausible, ShareOfSpend
from mmm_core.review.predictive import Coverage, Mape, RSquared
from mmm_core.review.sensitivity import PriorSensitivity
from mmm_core.review.stability import Stability
from mmm_core.review.subject import Subject
from mmm_core.spec.review_spec import Review
from mmm_core.threads import one_blas_thread

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from mmm_core.posterior.handle import Posterior

REGISTRY: tuple[type[Check], ...] = (
    Exact, RHat, EssBulk, EssTail, Divergences, EBfmi, History, Mape, RSquared, Coverage, BreaksInLevel,
    Holdout, MediaForecast, LiftTests,
    PriorSensitivity, NegativeBaseline, RoiPlausible, ShareOfSpend, Identifiability, EventWeeks, Stability,
)  # fmt: skip

CHECKS: tuple[CheckInfo, ...] = tuple(CheckInfo(c.name, c.severity, c.description) for c in REGISTRY)
"""Every check's name, severity and description, in the order they run."""


def checks(thresholds: Review) -> tuple[Check, ...]:
    """The checks with the thresholds of a specification's `review:`."""
    return tuple(check(thresholds) for check in REGISTRY)


@one_blas_thread
def review(
    tree: xr.DataTree | Posterior,
    thresholds: Review | Mapping[str, Any] | None = None,
    *,
    table: pd.DataFrame | None = None,
    holdouts: Sequence[xr.DataTree | Posterior] = (),
    previous: xr.DataTree | Posterior | None = None,
    progress: Callable[[Any], None] | None = None,
    name: str = "the posterior",
    source: str = "table",
) -> tuple[CheckResult, ...]:
    """Put every check to a posterior.

    Args:
        tree: the posterior.
        thresholds: those of the specification's `review:` by default; a mapping replaces the ones it names.
        table: the weekly table, for the refits without the last weeks. Without it, and without `holdouts`, the holdout
            check fails as not run.
        holdouts: those refits, where they are already there.
        previous: an earlier posterior of the model, for the stability check.
        progress: told how far the refits are.
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
    for refit in holdouts:
        posterior.refuse_another_table(str(refit.attrs["table"]), "the table of the holdout refit", name)
    if not holdouts and table is not None:
        from mmm_core.forecast.holdout import holdout_refits

        holdouts = holdout_refits(table, spec, thresholds, tree, progress, source)
    subject = Subject(
        posterior,
        tuple(Posterior.of(refit) for refit in holdouts),
        None if previous is None else Posterior.of(previous),
    )
    return tuple(check.run(subject) for check in checks(thresholds))
