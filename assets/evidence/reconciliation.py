"""`reconciliation`: model, lift tests and attribution side by side, and where they disagree."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.evidence.mart_claims import MART, read_market_claims
from assets.evidence.scored import scored_tests
from assets.metadata import DESCRIPTIONS, preview, table_metadata
from assets.model_inputs.as_known import marts_of
from assets.models import load_model, vintage_of
from assets.resources.stores import PosteriorStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset, stage

if TYPE_CHECKING:
    from mmm_core.reconciliation.reconcile import Reconciliation

SHOWN = ["channel", "model_roi", "tests_roi", "claimed_roi", "attribution_roi", "weighted_roi", "fused_roi",
         "fused_roi_q05", "fused_roi_q95", "smallest_p", "verdict"]  # fmt: skip
WEEKS = {
    "first_week": "first day of the first compared week",
    "last_week": "first day of the last compared week",
}


@model_asset(
    "evidence",
    "reconciliation",
    deps=["registered_model", "lift_evidence", dg.AssetKey(["marts", MART])],
    description=(
        "What each channel returned by the posterior, by approved lift tests and by attribution, over the weeks that "
        "all share: a weighted average and a Bayesian fusion beside each other, and every pair of sources that "
        "disagrees by more than chance (`mmm_core.reconciliation.reconcile.reconcile`). Tests that the posterior has "
        "seen count no second time. The next build of the reporting marts puts it into `rpt_reconciliation`.\n\n"
        "Grain: one row a channel; beside it tables of the sources, their pairs, and claims for no channel."
    ),
    kinds={"numpy", "duckdb"},
    pool=POOL,
    code_version=code_version(
        __name__, "reconciliation.reconcile", "reconciliation.tables", "evidence.scorecard"
    ),
    io_manager_key="results",
    checks={
        "sources_agree": "No two sources of a channel disagree by more than chance.",
        "claims_reach_a_channel": "What ad platforms claim is claimed for channels of the model.",
    },
)
def reconciliation(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    vintages: dg.ResourceParam[VintageStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
    warehouse: Warehouse,
) -> dg.MaterializeResult:
    from mmm_core.plots.reconciliation import reconciliation as picture
    from mmm_core.posterior.handle import Posterior
    from mmm_core.reconciliation.reconcile import reconcile
    from mmm_core.reconciliation.tables import TABLE, channel_table, pair_table, source_table

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)  # its rule as the YAML has it now; the fit does not depend on it
    posterior = Posterior.of(mmm_posterior)
    marts = marts_of(warehouse, vintages, vintage)
    card = scored_tests(marts, results, spec, posterior.data, vintage, posterior.spec).card
    found = reconcile(
        posterior,
        card.evidence.tests,
        read_market_claims(marts, posterior),
        spec.reconciliation,
        spec.calibration.rule.currency,
    )
    with stage(context, tracking, posteriors) as run:
        table = channel_table(found)
        compared = table.assign(first_week=found.first, last_week=found.last)
        run.run.log({f"fused/{row.channel}": row.fused_roi for row in table.itertuples()})
        run.run.log({"disagreeing_channels": len(found.disagreeing), "pairs": len(found.pairs)})
        run.run.table(source_table(found), "sources")
        run.run.table(pair_table(found), "pairs")
        run.run.table(found.left_out, "claims_left_out")
        return run.result(
            run.labelled(compared),
            [_agree(found), _reach(found)],
            {"reconciliation": lambda: picture(found)},
            shown=table[SHOWN],
            metadata={
                **table_metadata(run.labelled(compared), {**DESCRIPTIONS, **TABLE, **WEEKS}),
                "found": found.words,
                "sources": preview(source_table(found), rows=50),
                "claims_left_out": preview(found.left_out, rows=20),
            },
        )


def _agree(found: "Reconciliation") -> dg.AssetCheckResult:
    """Sources that contradict each other are never averaged away: somebody has to look."""
    lines = [f"{channel.channel}: {channel.verdict}" for channel in found.channels if channel.disagreeing]
    return check(
        "sources_agree",
        not lines,
        "\n".join([found.words, *lines]),
        severity=dg.AssetCheckSeverity.WARN,
    )


def _reach(found: "Reconciliation") -> dg.AssetCheckResult:
    """Analytics tools report channels that are no media; an ad platform whose claims reach nobody is misnamed."""
    ours = {report.name.split(", ")[0] for channel in found.channels for report in channel.reports}
    lost = found.left_out[found.left_out["channel"].str.startswith("(")]
    words = [f"{row.platform}: {row.claimed:,.0f} for {row.channel}, {row.why}" for row in lost.itertuples()]
    said = f"claims of {', '.join(sorted(ours))}" if ours else "no claims of the model's channels"
    return check(
        "claims_reach_a_channel", not words, "\n".join(words) or said, severity=dg.AssetCheckSeverity.WARN
    )
