"""Runs of a terminal, in this process: for `make demo`, `make refresh`, `make ingest`.

Such a run carries the code location that the UI has loaded, as a run of the daemon does. So the UI's first page counts
it, and *Re-execute from failure* on its page works.
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.utils import make_new_run_id

from assets.resources.processes import process_tags

LOCATION = "carryover"
"""Name of the code location in workspace.yaml, in deploy/workspace.yaml and of `make ui`."""
REPOSITORY = "__repository__"
"""Dagster's name for the definitions of a code location."""

# Tags that begin so are not shown in the UI.
_TERMINAL = ".dagster/terminal"
_TAGS = {_TERMINAL: "true", "dagster/max_retries": "0"}


def execute(
    job: ReconstructableJob,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any],
    assets: Collection[dg.AssetKey] | None = None,
) -> dg.JobExecutionResult:
    """Run a job to its end; a step that fails is in the result, and nothing is raised.

    Dagster's own `execute_job` does the same for a run without a code location.

    Args:
        assets: those to materialize, where not all of the job are wanted.
    """
    definition = job.get_definition()
    run_id = make_new_run_id()
    location = RegisteredCodeLocationOrigin(location_name=LOCATION)
    run = instance.create_run_for_job(
        job_def=definition,
        run_id=run_id,
        run_config=run_config,
        tags={**definition.run_tags, **process_tags(run_id), **_TAGS, **tags},
        asset_selection=frozenset(assets) if assets else None,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), definition.name),
        job_code_origin=job.get_python_origin(),
    )
    return execute_run(job, run, instance)


def is_of_a_terminal(run: dg.DagsterRun) -> bool:
    """Whether somebody started a run in a terminal and was told there how it ended; a re-execution is the UI's."""
    return _TERMINAL in run.tags and run.parent_run_id is None
