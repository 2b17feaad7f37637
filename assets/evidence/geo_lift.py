"""`geo_lift`: the geo experiments that a model lists, each read from its own panel."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.metadata import preview, table_metadata
from assets.models import load_model, spec_path, vintage_of
from assets.resources.landing import Landing
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, pictures

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.readout.listed import ReadExperiment

PANELS = "geo_panels"
"""Folder below the landing folder in which panels of experiments lie."""
SHOWN = ["test_id", "channels", "geos", "start_date", "end_date", "incremental_outcome", "standard_error", "lift",
         "p_value", "warnings"]  # fmt: skip


@model_asset(
    "evidence",
    "geo_lift",
    deps=["model_table"],
    description=(
        "The geo experiments of the file that the YAML's `calibration: {experiments: ...}` names, read from their "
        "panels by augmented synthetic control (`mmm_core.readout.listed.read_listed`), as far as they were over by "
        "this as-of week. What comes of them are lift tests: `lift_evidence` scores them, and none calibrates before "
        "somebody has approved it.\n\n"
        "Grain: one row an experiment, with the columns of a table of lift tests."
    ),
    kinds={"scipy", "parquet"},
    code_version=code_version(__name__, "readout.listed"),
    io_manager_key="results",
    checks={"experiments_can_be_believed": "No read-out warns of its own design or fit."},
)
def geo_lift(context: dg.AssetExecutionContext, landing: Landing, tracking: Tracking) -> dg.MaterializeResult:
    from mmm_core.data.table import fingerprint
    from mmm_core.readout.listed import experiments_beside, read_listed

    vintage = vintage_of(context.partition_key)
    last_day = vintage.week + timedelta(days=6)
    spec = load_model(vintage.model)
    folder = spec_path(vintage.model).parent
    over = [each for each in experiments_beside(spec, folder) if each.end <= last_day]
    folders = (folder, Path(landing.folder) / PANELS)
    found = [read_listed(experiment, folders, spec) for experiment in over]
    found = [each for each in found if each.test.known_on <= last_day]
    table = rows_of(found)
    version = fingerprint(table)
    metadata = {**table_metadata(table), "experiments": len(found)}
    if found:
        from mmm_core.plots.lift import lift as drawn

        with tracking.run(context, vintage, required=False, data_version=version) as run:
            run.table(table, "geo_lift")
            figures = {each.test.test_id: partial(drawn, [each.readout]) for each in found}
            metadata |= pictures(context, run, figures) | run.metadata
        metadata["table"] = preview(table[SHOWN], rows=50)
    warned = [f"{each.test.test_id}: {line}" for each in found for line in each.readout.warnings]
    words = "\n".join(warned) or (f"{len(found)} experiments" if found else "the model lists no experiment")
    severity = dg.AssetCheckSeverity.WARN
    return dg.MaterializeResult(
        value=table,
        data_version=dg.DataVersion(version),
        metadata=metadata,
        check_results=[check("experiments_can_be_believed", not warned, words, severity=severity)],
    )


def rows_of(found: "list[ReadExperiment]") -> "pd.DataFrame":
    """A row an experiment: its lift test, then what the read-out says beside it; without any the columns alone."""
    import pandas as pd

    from mmm_core.evidence.columns import NAMES
    from mmm_core.readout.as_evidence import row

    beside = {"lift": "float64", "p_value": "float64", "warnings": "object"}
    if not found:
        return pd.DataFrame(columns=[*NAMES, *beside]).astype(beside)
    return pd.DataFrame(
        {
            **row(each.test, each.readout, each.test.market),
            "population_share": each.test.share,
            "lift": each.readout.lift,
            "p_value": each.readout.p_value,
            "warnings": "; ".join(each.readout.warnings),
        }
        for each in found
    )
