"""`backtest`: how the versions that were live in earlier weeks did on the weeks that have come since."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.metadata import DESCRIPTIONS
from assets.models import load_model, vintage_of
from assets.posteriors.earlier_scores import EarlierScores, score_earlier
from assets.resources.stores import PosteriorStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage
from mmm_core.promotion.gates import COVERAGE, NAIVE, OF_THE_BACKTEST

if TYPE_CHECKING:
    from mmm_core.promotion.decision import Gate

SCORED = "earlier_versions_are_scored"
OF_A_FORECAST = {
    "forecast_as_of": "Monday of the last week of data that the version saw",
    "forecast_version": "the posterior that was published for that week",
    "same_specification": "whether it was fitted with the specification of this week",
    "known_then": "whether all of its data were known in its own time, as of a past week they may not be",
}
SHOWN = [
    "forecast_as_of",
    "horizon",
    "crps",
    "crps_naive",
    "mape",
    "coverage_90",
    "same_specification",
    "known_then",
]


@model_asset(
    "posteriors",
    "backtest",
    deps=["registered_model"],
    description=(
        "The posteriors that were published for earlier weeks, scored 4, 8 and 13 weeks ahead on the weeks that this "
        "week's table has since, given the media and controls of those weeks, beside last season's values "
        "(`mmm_core.forecast.track_record`). Nothing is fitted. Promotion reads the scores of this week's "
        "specification (`promotion.backtest` of the YAML). The next build of the reporting marts puts them into "
        "`rpt_backtest`.\n\nGrain: one row an earlier week and horizon; none before the first forecast has come due."
    ),
    kinds={"numpy", "parquet"},
    code_version=code_version(__name__, "forecast.track_record", "promotion.decision"),
    io_manager_key="results",
    checks={**OF_THE_BACKTEST, SCORED: "No earlier version was left out because it cannot be scored."},
)
def backtest(
    context: dg.AssetExecutionContext,
    model_table,
    mmm_posterior,
    vintages: dg.ResourceParam[VintageStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.forecast.standing import standings
    from mmm_core.forecast.track_record import COLUMNS
    from mmm_core.plots.track_record import track_record as picture
    from mmm_core.promotion.decision import track_record_gates

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)  # `promotion:` as the YAML has it now; no fit depends on it
    with stage(context, tracking, posteriors) as run:
        found = score_earlier(vintage, model_table, spec, vintages, posteriors, results)
        same = (found.rows["spec_hash"] == mmm_posterior.attrs["spec_hash"]).astype(bool)
        table = found.rows.assign(same_specification=same).drop(columns="spec_hash")
        standing = standings(table[same])
        gates = {gate.name: gate for gate in track_record_gates(table[same], spec.promotion.backtest)}
        worse = [each.words for each in standing if each.difference and each.difference.verdict == "worse"]
        for each in standing:
            run.run.log(
                {f"crps_ratio/{each.horizon}": each.ratio, f"coverage_90/{each.horizon}": each.coverage_90}
            )
        return run.result(
            run.labelled(table),
            [
                _check(COVERAGE, gates[COVERAGE]),
                _check(NAIVE, gates[NAIVE], worse),
                check(
                    SCORED,
                    not found.left_out,
                    "; ".join(f"{week}: {why}" for week, why in found.left_out.items()) or _counted(found),
                    severity=dg.AssetCheckSeverity.WARN,
                ),
            ],
            {"backtest": lambda: picture(table)} if len(table) else {},
            shown=table[SHOWN],
            metadata={
                "found": dg.MetadataValue.md(
                    "\n".join([f"* {each.words}" for each in standing] or [f"* {_counted(found)}"])
                ),
                "forecasts": len(table),
            },
            about={**DESCRIPTIONS, **COLUMNS, **OF_A_FORECAST},
        )


def _check(name: str, gate: "Gate", worse: "list[str] | None" = None) -> dg.AssetCheckResult:
    """A gate of promotion as a warning; also where the forecasts are worse by more than chance within its threshold."""
    words = "\n".join(dict.fromkeys([gate.message, *(worse or ())]))
    return check(name, gate.passed and not worse, words, severity=dg.AssetCheckSeverity.WARN)


def _counted(found: EarlierScores) -> str:
    """Which versions there are, so that an empty table says why it is empty."""
    scored = found.rows["forecast_as_of"].nunique()
    if not scored and not found.waiting:
        return "no version of an earlier week was published: nothing to score yet"
    waiting = f"; of {len(found.waiting)} more the fourth week has not come yet" if found.waiting else ""
    return f"{scored} versions of earlier weeks scored{waiting}"
