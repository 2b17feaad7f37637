"""`stability`: how far the answer moved since the last published week."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.allocation.of_one_posterior import refuse_another_posterior
from assets.code import code_version
from assets.metadata import DESCRIPTIONS
from assets.models import load_model, vintage_of
from assets.registry.published_answer import PublishedAnswer, last_answer
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage
from mmm_core.promotion.gates import OF_STABILITY

if TYPE_CHECKING:
    import pandas as pd

PREVIOUS = {
    "previous_week": "the published as-of week it is compared with",
    "previous_version": "the posterior that was published for it",
}


@model_asset(
    "registry",
    "stability",
    deps=["registered_model"],
    description=(
        "Returns, shares of the KPI and the recommended budget beside those of the last published week: how many "
        "intervals of then hold, how much of the KPI and of the budget moved (`mmm_core.promotion.moved`). Promotion "
        "reads it (`promotion.stability` of the YAML). `rpt_stability` holds the same of every published week.\n\n"
        "Grain: one row a channel; none in a first week."
    ),
    kinds={"numpy", "parquet"},
    code_version=code_version(__name__, "promotion.moved", "promotion.decision"),
    io_manager_key="results",
    checks=OF_STABILITY,
)
def stability(
    context: dg.AssetExecutionContext,
    roi,
    budget_allocation,
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    import math

    from mmm_core.promotion.decision import stability_gates
    from mmm_core.promotion.moved import COLUMNS

    vintage = vintage_of(context.partition_key)
    rule = load_model(vintage.model).promotion.stability  # as the YAML has it now; no fit depends on it
    before = last_answer(results, vintage)
    with stage(context, tracking, posteriors) as run:
        refuse_another_posterior(run.posterior_version, roi=roi, budget_allocation=budget_allocation)
        table = moved_since(before, roi, budget_allocation)
        gates = stability_gates(*moved_in(table), rule)
        run.run.log({gate.name: gate.figure for gate in gates if math.isfinite(gate.figure)})
        return run.result(
            run.labelled(table),
            [check(g.name, g.passed, g.message, severity=dg.AssetCheckSeverity.WARN) for g in gates],
            shown=table.drop(columns=list(PREVIOUS)),
            metadata={"compared_with": before.vintage.as_of_week if before else "no earlier published week"},
            about={**DESCRIPTIONS, **COLUMNS, **PREVIOUS},
        )


def moved_since(
    before: PublishedAnswer | None, roi: "pd.DataFrame", allocation: "pd.DataFrame"
) -> "pd.DataFrame":
    """What moved, channel by channel, with the week that it is compared with; no row where there is none."""
    import pandas as pd

    from mmm_core.promotion.moved import COLUMNS, moved

    if before is None:
        return pd.DataFrame(columns=[*COLUMNS, *PREVIOUS])
    found = moved(roi, allocation, before.roi, before.allocation).channels
    return found.assign(
        previous_week=pd.Timestamp(before.vintage.week), previous_version=before.posterior_version
    )


def moved_in(table: "pd.DataFrame"):
    """What a table of this asset says moved, and since which week; None and "" of a first week."""
    from mmm_core.promotion.moved import Moved

    if table.empty:
        return None, ""
    return Moved(table), f"{table['previous_week'].iloc[0]:%Y-%m-%d}"
