"""Against what a report compares, and what has changed since: by refits in the fit's process, where any are needed."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import Vintage, spec_path
from assets.resources.fitting import FitProcess
from assets.resources.stores import Damaged, EvidenceStore, PosteriorStore, ResultStore, VintageStore

if TYPE_CHECKING:
    from xarray import DataTree

    from mmm_core.report.change import Change


def changed(
    context: dg.AssetExecutionContext,
    vintage: Vintage,
    tree: "DataTree",
    vintages: VintageStore,
    evidence: EvidenceStore,
    posteriors: PosteriorStore,
    results: ResultStore,
    fit_process: FitProcess,
) -> "Change | None":
    """What changed since the last published week; None where there is none that can be read."""
    from mmm_core.errors import InputError
    from mmm_core.posterior.handle import Posterior
    from mmm_core.report.change import change, refits_needed
    from mmm_core.report.change_stored import read_change

    for earlier, version in results.published_before(vintage):
        try:
            before = posteriors.load(earlier, version)
        except (Damaged, FileNotFoundError, InputError) as error:
            context.log.warning(f"not compared with {earlier.as_of_week}: {error}")
            continue
        if not refits_needed(Posterior.of(before), Posterior.of(tree)):
            return change(before, tree)
        target = posteriors.change_path(vintage, posteriors.current(vintage), version)
        if not posteriors.is_there(target):
            table = vintages.checked(vintage, vintages.current(vintage))
            tests = evidence.checked(vintage, evidence.current(vintage))
            now = posteriors.current(vintage)
            asked: dict[str, Any] = {
                "spec": str(spec_path(vintage.model)),
                "table": str(table),
                "lift_tests": str(tests),
                "version": now,
                "posterior": str(posteriors.path(vintage, now)),
                "fits": [],
                "change": {"previous": str(posteriors.path(earlier, version)), "target": str(target)},
            }
            fit_process.run(context, asked)
        return read_change(target)
    return None
