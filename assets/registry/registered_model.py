"""`registered_model`: the posterior as a version of a registered MLflow model, alias `challenger`."""

from pathlib import Path

import dagster as dg

from assets.code import code_version
from assets.models import vintage_of
from assets.registry.aliases import MODEL, move_challenger
from assets.registry.package import PREDICTOR, USED, package
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset


@model_asset(
    "registry",
    "registered_model",
    description=(
        "The posterior as a version of the MLflow model `mmm_<model>`, with the netCDF as its artifact, and the alias "
        "`challenger` on the latest; those of its curves, budget and long term are gone until they are made of it. "
        "`mlflow.pyfunc.load_model` predicts the KPI of a spend plan with it. A posterior "
        "that is registered already keeps its version.\n\nGrain: one model version a posterior version."
    ),
    kinds={"mlflow"},
    code_version=code_version(__name__, *USED, files=[PREDICTOR]),
    checks={
        "holds_this_posterior": "The registered version carries this posterior, table and specification."
    },
)
def registered_model(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    posterior_version = posteriors.current(vintage)
    origin = {
        "posterior_version": posterior_version,
        "data_version": str(mmm_posterior.attrs["table"]),
        "spec_hash": str(mmm_posterior.attrs["spec_hash"]),
        "as_of_week": vintage.as_of_week,
    }
    client = tracking.client()
    name = f"mmm_{vintage.model}"
    version = tracking.model_version(vintage.model, posterior_version)
    with tracking.run(context, vintage, **origin) as run:
        if version is None:
            version = _register(
                name, posteriors.path(vintage, posterior_version), mmm_posterior, origin, context.run.run_id
            )
            client.update_model_version(name, version, description=_how_to_use(name, version, mmm_posterior))
        run.tag(model_version=version)
        move_challenger(tracking, vintage, MODEL, version, version)
    kept = client.get_model_version(name, version).tags
    same = all(kept.get(key) == value for key, value in origin.items() if key != "as_of_week")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(posterior_version),
        metadata={
            "model_version": version,
            "registered_model": dg.MetadataValue.url(tracking.version_url(vintage.model, version)),
            "load_with": dg.MetadataValue.md(f'`mlflow.pyfunc.load_model("models:/{name}/{version}")`'),
            **run.metadata,
            **origin,
        },
        check_results=[
            check("holds_this_posterior", same, f"version {version} holds posterior {posterior_version}")
        ],
    )


def _register(name: str, path: Path, posterior, origin: dict[str, str], dagster_run_id: str) -> str:
    """Log the model in the active run and register it, its origin with it in one step."""
    import mlflow

    from mmm_core.posterior.handle import Posterior

    packaged = package(path, Posterior.of(posterior).spec.extensions)
    logged = mlflow.pyfunc.log_model(name="model", metadata=origin, **packaged)
    registered = mlflow.register_model(
        logged.model_uri, name, tags={**origin, "dagster_run_id": dagster_run_id}
    )
    return str(registered.version)


def _how_to_use(name: str, version: str, posterior) -> str:
    """The version's description: which columns a plan has."""
    from mmm_core.posterior.handle import Posterior

    spec = Posterior.of(posterior).spec
    keys = [spec.time.column] + ([spec.geo.column] if spec.geo else [])
    media = [channel.spend for channel in spec.media.channels.values()]
    media += [organic.exposure for organic in spec.media.organic.values()]
    last = str(posterior["constant_data"]["week"].values[-1])[:10]
    return (
        f"Forecasts `{spec.kpi.column}` for a plan of the weeks after {last}:\n\n"
        f'```python\nmlflow.pyfunc.load_model("models:/{name}/{version}").predict(plan)\n```\n\n'
        f"Columns of `plan`: {', '.join(keys + media)}; `{spec.time.column}` is the "
        f"{'last' if spec.time.marks == 'end' else 'first'} day of each week"
        + (f"; {', '.join(spec.controls)} where they are known." if spec.controls else ".")
    )
