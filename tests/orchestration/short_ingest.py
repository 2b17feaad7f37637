"""The platform's jobs with an ingest that finds everything as it is: it notes what has landed, and builds nothing."""

from pathlib import Path

import dagster as dg

from assets.raw import manifest
from assets.raw.folder import scan
from assets.raw.ingest import ALL_CONTRACTS, reading_version
from orchestration import definitions, resources
from orchestration.environments import paths
from orchestration.executor import one_process
from orchestration.follow import FOLLOW, follow


@dg.asset(key=["marts", "mmm_model_table"])
def mart() -> None:
    listing = scan(paths().landing)
    versions = {name: reading_version(contract) for name, contract in ALL_CONTRACTS.items()}
    manifest.record(Path(resources.warehouse().path), listing, versions)


defs = dg.Definitions(
    assets=[mart],
    jobs=[dg.define_asset_job("ingest", [mart])],
    executor=one_process,
    loggers={FOLLOW: follow, "console": dg.colored_console_logger},
)


def job_named(name: str) -> dg.JobDefinition:
    return defs.resolve_job_def(name) if name == "ingest" else definitions.definitions().resolve_job_def(name)


def models_alone(name: str) -> dg.JobDefinition:
    """The same where nothing is reported."""
    return job_named("ingest" if name == "report" else name)


def frozen_alone(name: str) -> dg.JobDefinition:
    """The same where a model's job freezes its table and ends there, and nothing is reported."""
    if name not in ("refresh_model", "refresh_past_week"):
        return defs.resolve_job_def("ingest")
    model = definitions.definitions().resolve_job_def(name)
    return model.get_subset(asset_selection={dg.AssetKey("model_table")})
