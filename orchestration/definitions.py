"""The code location: every asset and check under `assets`, with owners, policies, jobs and resources."""

import warnings

import dagster as dg

import assets
from orchestration import jobs, owners, policies, resources, schedules, sensors
from orchestration.follow import FOLLOW, follow

# What we use of Dagster that is still in beta or preview is pinned and tested.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def definitions() -> dg.Definitions:
    """Everything Dagster loads; assets are found in the package, what applies to them is applied by selection."""
    found = governed(
        dg.Definitions(
            assets=dg.with_source_code_references(dg.load_assets_from_package_module(assets)),
            asset_checks=dg.load_asset_checks_from_package_module(assets),
        )
    )
    running = dg.Definitions(
        jobs=jobs.ALL,
        schedules=schedules.ALL,
        sensors=sensors.ALL,
        resources=resources.build(),
        executor=policies.EXECUTOR,
        loggers={FOLLOW: follow, "console": dg.colored_console_logger},
    )
    return dg.Definitions.merge(found, running)


def governed(found: dg.Definitions) -> dg.Definitions:
    """Assets with their owners and policies.

    Raises:
        Unplaced, NoOwner: of an asset that no job runs or nobody looks after.
    """
    return found.map_asset_specs(func=lambda spec: policies.apply(owners.own(jobs.placed(spec))))


defs = definitions()


def job_named(name: str) -> dg.JobDefinition:
    """A job of the code location, for runs in the foreground."""
    return defs.resolve_job_def(name)
