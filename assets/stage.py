"""What the assets behind a posterior have in common: their partitions, their MLflow run, their labels."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.brief import is_brief
from assets.metadata import DESCRIPTIONS, plot, preview, table_metadata
from assets.models import PARTITIONS, Vintage, vintage_of
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import TrackedRun, Tracking
from mmm_core.plots.image import png

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    Figures = Mapping[str, Callable[[], Figure]]
    """What draws a figure, by its title."""


# Of policies of backfills Dagster says that they are in beta, on the terminal of whoever loads an asset alone.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

ONE_RUN_A_VINTAGE = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
"""A vintage is fitted, reviewed and published as one, or fails as one: a run of several would stop all of them where
one is refused. It is Dagster's default, said where it is meant."""


def model_asset(group: str, name: str, **options: Any) -> Any:
    """`@dg.asset` partitioned by model and as-of week; `checks` maps check names to what they hold."""
    checks: Mapping[str, str] = options.pop("checks", {})
    specs = [check_spec(check, name, meaning) for check, meaning in checks.items()]
    specs += options.pop("check_specs", ())
    if "io_manager_key" in options:  # its MaterializeResult carries a value, which the annotation cannot say
        options["dagster_type"] = dg.Any
    return dg.asset(
        name=name,
        group_name=group,
        partitions_def=PARTITIONS,
        backfill_policy=ONE_RUN_A_VINTAGE,
        check_specs=specs,
        **options,
    )


def check_spec(check: str, asset: str, meaning: str, blocking: bool = False) -> dg.AssetCheckSpec:
    """A check of each partition: what failed for one model is not hidden by what passed for the next."""
    return dg.AssetCheckSpec(
        check, asset=asset, description=meaning, blocking=blocking, partitions_def=PARTITIONS
    )


@dataclass(frozen=True)
class Stage:
    """One materialization of an asset behind a posterior."""

    context: dg.AssetExecutionContext
    vintage: Vintage
    posterior_version: str
    model_version: str
    run: TrackedRun

    def labelled(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The table with the versions it came from."""
        return table.assign(posterior_version=self.posterior_version, model_version=self.model_version)

    def result(
        self,
        table: "pd.DataFrame",
        checks: Sequence[dg.AssetCheckResult],
        figures: "Figures | None" = None,
        shown: "pd.DataFrame | None" = None,
        metadata: Mapping[str, Any] | None = None,
        about: Mapping[str, str] = DESCRIPTIONS,
    ) -> dg.MaterializeResult:
        """Record table and figures in MLflow and hand the table to the IO manager.

        `figures` are drawn unless the run is brief. `shown` is the part of the table worth reading in the UI, `about`
        says what its columns are. The data version is the content's, so what comes out the same is the same.
        """
        from mmm_core.data.table import fingerprint

        name = self.context.asset_key.path[-1]
        version = fingerprint(table)
        self.run.table(table, name)
        self.run.tag(data_version=version)
        shown_metadata: dict[str, Any] = pictures(self.context, self.run, figures or {})
        if shown is not None:
            shown_metadata["table"] = preview(shown)
        return dg.MaterializeResult(
            value=table,
            data_version=dg.DataVersion(version),
            check_results=list(checks),
            metadata={
                **table_metadata(table, about),
                **shown_metadata,
                **self.run.metadata,
                **(metadata or {}),
                "posterior_version": self.posterior_version,
                "model_version": self.model_version,
            },
        )


def pictures(
    context: dg.AssetExecutionContext, run: TrackedRun, figures: "Figures"
) -> dict[str, dg.MetadataValue]:
    """Figures drawn, recorded and as metadata, by title; none in a brief run."""
    shown: dict[str, dg.MetadataValue] = {}
    for title, drawn in {} if is_brief(context) else figures.items():
        image = png(drawn())
        run.image(image, title)
        shown[title] = plot(image)
    return shown


@contextmanager
def stage(
    context: dg.AssetExecutionContext, tracking: Tracking, posteriors: PosteriorStore, **tags: str
) -> Iterator[Stage]:
    """The MLflow run of an asset behind a posterior, carrying the registered version that holds the posterior.

    Raises:
        TrackingAway: MLflow does not answer.
        Failure: the posterior is not registered.
    """
    vintage = vintage_of(context.partition_key)
    posterior_version = posteriors.current(vintage)
    model_version = tracking.model_version(vintage.model, posterior_version)
    if model_version is None:
        raise dg.Failure(
            f"posterior {posterior_version} of {vintage.model} as of {vintage.as_of_week} is not registered in MLflow: "
            "materialize registered_model first",
            allow_retries=False,
        )
    versions = {"posterior_version": posterior_version, "model_version": model_version}
    with tracking.run(context, vintage, **versions, **tags) as run:
        yield Stage(context, vintage, posterior_version, model_version, run)


def check(
    name: str,
    passed: bool,
    description: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **metadata: Any,
) -> dg.AssetCheckResult:
    """A check's result that says in words what it found."""
    return dg.AssetCheckResult(
        check_name=name, passed=bool(passed), description=description, severity=severity, metadata=metadata
    )
