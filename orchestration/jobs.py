"""What is run together."""

import dagster as dg

from orchestration.policies import INGEST_RETRY

MODEL_STAGES = dg.AssetSelection.groups(
    "model_inputs", "transforms", "posteriors", "registry", "curves", "allocation"
) | dg.AssetSelection.assets("published_results")
AFTER_MODELS = MODEL_STAGES.downstream() - MODEL_STAGES

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.all() - MODEL_STAGES - AFTER_MODELS,
    description="Load what has landed and build the marts.",
    op_retry_policy=INGEST_RETRY,
)
refresh_model = dg.define_asset_job(
    "refresh_model",
    selection=MODEL_STAGES,
    description="One model as of one week: table, fit, review, registration, results, budget, publication.",
)
report = dg.define_asset_job(
    "report",
    selection=AFTER_MODELS,
    description="Build the reporting marts from the published results, and the read-only copy that analysts open.",
    op_retry_policy=INGEST_RETRY,
)

ALL = [ingest, refresh_model, report]
