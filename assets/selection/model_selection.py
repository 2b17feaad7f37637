"""`model_selection`: other baselines of a model, scored on weeks they have not seen; run when it is asked for."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version, engine_modules
from assets.metadata import preview, table_metadata
from assets.models import load_model, spec_path, vintage_of
from assets.resources.stores import VintageStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.selection.selection import Selection

SHOWN = [
    "specification",
    "crps",
    "difference",
    "difference_se",
    "verdict",
    "elpd_difference",
    "elpd_difference_se",
]


@model_asset(
    "selection",
    "model_selection",
    deps=["model_table"],
    description=(
        "Other baselines of the model (scale, level, season, holidays, noise) and the one its YAML states, by the CRPS "
        "of rolling-origin forecasts of the frozen table, with what is chance (`mmm_core.selection.select.climb`). It "
        "fits some twelve specifications at seven origins each: only when it is asked for, and it changes no YAML. The "
        "next build of the reporting marts puts it into `rpt_model_selection`.\n\n"
        "Grain: one row a specification."
    ),
    kinds={"numpyro", "parquet"},
    pool="mcmc",
    code_version=code_version(__name__, "selection.select", *engine_modules()),
    io_manager_key="results",
    checks={
        "is_as_written": "No baseline that was tried forecasts better than the YAML's by more than chance."
    },
)
def model_selection(
    context: dg.AssetExecutionContext,
    vintages: dg.ResourceParam[VintageStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.data.reader import read_table
    from mmm_core.data.table import fingerprint
    from mmm_core.json_text import dumps
    from mmm_core.selection import written
    from mmm_core.selection.select import climb

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    table_version = vintages.current(vintage)
    source = vintages.checked(vintage, table_version)
    found, keys = climb(read_table(source), spec, source=str(source))
    table = rows_of(found).assign(table_version=table_version, spec_hash=spec.spec_hash)
    version = fingerprint(table)
    chosen = written.chosen_yaml(found, spec_path(vintage.model), keys[found.recommended.name])
    with tracking.run(
        context, vintage, required=False, spec_hash=spec.spec_hash, data_version=version
    ) as run:
        run.table(table, "model_selection")
        run.text(dumps(written.facts(found), indent=2), "model_selection.json")
        run.text(chosen, "recommended.yaml")
    return dg.MaterializeResult(
        value=table,
        data_version=dg.DataVersion(version),
        metadata={
            **table_metadata(table),
            "recommended": found.recommended.name,
            "recommended_yaml": dg.MetadataValue.md(f"```yaml\n{chosen}```"),
            "words": dg.MetadataValue.md("\n".join(f"- {line}" for line in found.words)),
            "table": preview(table[SHOWN]),
            "table_version": table_version,
            **run.metadata,
        },
        check_results=[_is_as_written(found)],
    )


def rows_of(found: "Selection") -> "pd.DataFrame":
    """A row a specification, as the warehouse has them: what was tried, its scores, and how they came about."""
    from mmm_core.selection.select import AS_WRITTEN

    table = found.table.rename(columns={"model": "specification"})
    figures = ["unreliable", "unknowns"]  # counts; missing where nothing was scored
    text = ["verdict", "note", "reason"]
    return table.assign(
        as_written=table["specification"] == AS_WRITTEN,
        origins=len(found.origins),
        horizon=int(found.best.crps.sizes["ahead"]),
        **table[figures].astype(float),
        **table[text].astype(object).where(table[text].notna(), None),
    )


def _is_as_written(found: "Selection") -> dg.AssetCheckResult:
    """Whether the YAML's own baseline is as good as the best that was tried, as far as these weeks can tell."""
    from mmm_core.forecast.differences import WORSE
    from mmm_core.selection.select import AS_WRITTEN

    difference = found.differences.get(AS_WRITTEN)
    if difference is None:
        (own,) = (candidate for candidate in found.candidates if candidate.name == AS_WRITTEN)
        passed, words = False, f"the YAML's own could not be scored: {own.reason}"
    else:
        passed = difference.verdict != WORSE
        words = f"CRPS of the YAML's own beside that of the best, {found.best.name}: {difference.words}"
    return check("is_as_written", passed, words, severity=dg.AssetCheckSeverity.WARN)
