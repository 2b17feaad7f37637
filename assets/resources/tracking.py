"""MLflow: one run for every materialization of a model-stage asset, and look-ups in the model registry."""

import hashlib
import logging
import os
import posixpath
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import Vintage

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

TIMEOUT_SECONDS = 5

LONGEST_KEY = 250
"""Characters of a metric's name in MLflow."""

CURRENT_SINCE = "current_since"
"""Tag of a registered version: when it last became the answer of its posterior. A question that is asked again as it
was before is answered by the version of before, which then is the current one."""


def registered_name(model: str, kind: str = "") -> str:
    """Name in MLflow's registry of a model's posterior, or of its `curves` or `budget`."""
    return f"mmm_{model}_{kind}" if kind else f"mmm_{model}"


class TrackingAway(dg.Failure):
    """The MLflow server does not answer."""

    def __init__(self, uri: str, reason: object):
        super().__init__(
            description=(
                f"MLflow at {uri} does not answer ({reason}). Start it, or set MMM_MLFLOW_URI to one that runs, and "
                "materialize this asset again. The posterior is kept and will not be fitted again."
            ),
            allow_retries=False,
        )


def mlflow_key(name: str) -> str:
    """A metric's or parameter's name as MLflow takes it: `roi/search (brand)` becomes `roi/search _brand_.5b0d9a1c`.

    MLflow knows letters, digits, blanks and `_-.:/`. What else a name holds becomes an underscore, and the first digits
    of the name's SHA-256 then follow, so that two names stay two; so they do where a name is longer than MLflow's.
    """
    key = "/".join(re.sub(r"[^\w.\- :]", "_", part) for part in name.split("/"))
    if posixpath.normpath(key) != key or key.startswith(("..", "/")):
        key = re.sub(r"[/.]", "_", key)
    if key == name and len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - 9]}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass
class TrackedRun:
    """An open MLflow run; without an id it records nothing."""

    id: str | None
    url: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        if self.url is None:
            return {"mlflow_run": dg.MetadataValue.text("not recorded: MLflow was away")}
        return {"mlflow_run": dg.MetadataValue.url(self.url)}

    def log(
        self, metrics: Mapping[str, float] | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        import math

        import mlflow

        if self.id:
            known = {
                name: float(value) for name, value in (metrics or {}).items() if math.isfinite(float(value))
            }
            mlflow.log_metrics({mlflow_key(name): value for name, value in known.items()})
            mlflow.log_params({mlflow_key(name): value for name, value in (params or {}).items()})

    def tag(self, **tags: str) -> None:
        import mlflow

        self.tags |= tags
        if self.id:
            mlflow.set_tags(tags)

    def table(self, frame: "pd.DataFrame", name: str) -> None:
        self.text(frame.to_csv(index=False), f"{name}.csv")

    def text(self, text: str, name: str) -> None:
        import mlflow

        if self.id:
            mlflow.log_text(text, name)

    def image(self, png: bytes, name: str) -> None:
        import mlflow

        if self.id:
            with tempfile.TemporaryDirectory() as folder:
                (file := Path(folder) / f"{name}.png").write_bytes(png)
                mlflow.log_artifact(str(file))


SQLITE = "sqlite:///"


class Tracking(dg.ConfigurableResource):
    """Where runs and model versions are recorded, and where people open them."""

    uri: str
    artifacts: str | None = None  # folder of the artifacts; None leaves the choice to a server
    ui: str

    def client(self) -> "MlflowClient":
        """A client of a server that answers, or of a database that is there.

        Raises:
            TrackingAway: at once, where the server does not answer.
        """
        self._knock()
        os.environ.update(
            MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_HTTP_REQUEST_TIMEOUT=str(TIMEOUT_SECONDS * 4),
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
            GIT_PYTHON_REFRESH="quiet",
        )
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        if self.uri.startswith(SQLITE):
            Path(self.uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(self.uri)
        return mlflow.MlflowClient(self.uri)

    def prepare(self) -> None:
        """Create the database where it is a file that is not there; for one process at a time.

        It appears whole: MLflow makes its tables by some forty migrations, and could not go on from the middle of one.
        """
        if not self.uri.startswith(SQLITE):
            self.client().search_experiments(max_results=1)
            return
        database = Path(self.uri.removeprefix(SQLITE))
        if not database.is_file():
            beginning = database.with_name(f".{database.name}.beginning")
            beginning.unlink(missing_ok=True)
            self.model_copy(update={"uri": f"{SQLITE}{beginning}"}).client().search_experiments(max_results=1)
            beginning.rename(database)
        self.client().search_experiments(max_results=1)

    def _knock(self) -> None:
        if not self.uri.startswith("http"):
            return
        try:
            urllib.request.urlopen(f"{self.uri.rstrip('/')}/health", timeout=TIMEOUT_SECONDS).close()
        except (urllib.error.URLError, OSError) as error:
            raise TrackingAway(self.uri, getattr(error, "reason", error)) from None

    @contextmanager
    def run(
        self, context: dg.AssetExecutionContext, vintage: Vintage, required: bool = True, **tags: str
    ) -> Iterator[TrackedRun]:
        """An MLflow run of the experiment `mmm/<model>` that carries where it came from.

        Where `required` is false an MLflow that is away is a warning: nothing upstream of the registry waits for it.
        """
        try:
            client = self.client()
        except TrackingAway as away:
            if required:
                raise
            context.log.warning(away.description)
            yield TrackedRun(None)
            return
        import mlflow

        asset = context.asset_key.to_user_string()
        tags |= {
            "asset_key": asset,
            "partition_key": context.partition_key,
            "dagster_run_id": context.run.run_id,
            "code_version": str(context.assets_def.code_versions_by_key[context.asset_key]),
        }
        experiment = self._experiment(client, f"mmm/{vintage.model}")
        with mlflow.start_run(
            experiment_id=experiment, run_name=f"{asset} {vintage.as_of_week}", tags=tags
        ) as run:
            url = f"{self.ui}/#/experiments/{experiment}/runs/{run.info.run_id}"
            yield TrackedRun(run.info.run_id, url, tags)

    def _experiment(self, client: "MlflowClient", name: str) -> str:
        found = client.get_experiment_by_name(name)
        if found:
            return found.experiment_id
        location = (Path(self.artifacts) / name).resolve().as_uri() if self.artifacts else None
        try:
            return client.create_experiment(name, artifact_location=location)
        except Exception:  # another run made it meanwhile
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            return found.experiment_id

    def model_version(self, model: str, posterior_version: str) -> str | None:
        """Number of the registered version that holds a posterior, if any does."""
        return self.version_with(registered_name(model), {"posterior_version": posterior_version})

    def version_with(self, name: str, tags: Mapping[str, str]) -> str | None:
        """Number of the version of a registered model that carries some tags, if any does.

        Of several the one that was said last to be the answer (`CURRENT_SINCE`), else the latest.
        """
        wanted = [f"tags.{tag} = '{value}'" for tag, value in tags.items()]
        found = self.client().search_model_versions(" and ".join([f"name = '{name}'", *wanted]))
        last = max(
            found, key=lambda each: (each.tags.get(CURRENT_SINCE, ""), int(each.version)), default=None
        )
        return None if last is None else str(last.version)

    def version_url(self, model: str, version: str) -> str:
        return f"{self.ui}/#/models/mmm_{model}/versions/{version}"

    def aliases(self, model: str, kind: str = "") -> dict[str, str]:
        """Alias -> version of a registered model; empty where it is not registered."""
        from mlflow.exceptions import MlflowException

        try:
            return {
                alias: str(v)
                for alias, v in self.client()
                .get_registered_model(registered_name(model, kind))
                .aliases.items()
            }
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise

    def may_move(self, alias: str, vintage: Vintage, kind: str = "") -> bool:
        """Whether an alias may move to a vintage: a backfill of past weeks leaves it where it is."""
        held = self.aliases(vintage.model, kind).get(alias)
        if held is None:
            return True
        tags = self.client().get_model_version(registered_name(vintage.model, kind), held).tags
        return tags.get("as_of_week", "") <= vintage.as_of_week
