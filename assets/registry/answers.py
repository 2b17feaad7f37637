"""Registered MLflow models beside a model: `mmm_<model>_curves`, `mmm_<model>_budget` and `mmm_<model>_long_term`.

A version holds one table, made from one posterior, and answers from it with pandas alone: whoever plans a budget needs
neither JAX nor the posterior's draws. The same table of the same posterior is the same version. The long term's version
holds its own draws beside the table of returns.
"""

import tempfile
from collections.abc import Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from assets.models import ANSWERS, LONG_TERM
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

Kind = Literal["curves", "budget", "long_term"]
PREDICTORS = {kind: Path(__file__).parent / "predictor" / f"{kind}.py" for kind in (*ANSWERS, LONG_TERM)}
REQUIRED = ("numpy", "pandas", "pyarrow")
QUESTIONS = {
    "curves": {"channel": "string", "spend": "double"},
    "budget": {"channel": "string"},
    "long_term": {"channel": "string"},
}
"""Columns of what each is asked, with MLflow's names of their types."""
OPTIONAL = {"budget", "long_term"}
"""Those that answer an empty table too, with everything they hold."""


def register_answer(
    kind: Kind,
    table: "pd.DataFrame",
    stage: Stage,
    tracking: Tracking,
    files: Mapping[str, Path] = MappingProxyType({}),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Register a table in the stage's MLflow run, alias `challenger` with it; the number of its version.

    Args:
        files: what else the version holds, by the name of the artifact.
        tags: of the version, beside those that say where it came from.
    """
    import mlflow

    from mmm_core.data.table import fingerprint

    name = registered_name(stage.vintage.model, kind)
    origin = {
        "posterior_version": stage.posterior_version,
        "model_version": stage.model_version,
        "data_version": fingerprint(table),
        "as_of_week": stage.vintage.as_of_week,
        **tags,
    }
    client = tracking.client()
    same = {key: origin[key] for key in ("posterior_version", "data_version")}
    version = tracking.version_with(name, same)
    if version is None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{kind}.parquet"
            table.to_parquet(file, index=False)
            logged = mlflow.pyfunc.log_model(
                name=kind,
                python_model=str(PREDICTORS[kind]),
                artifacts={"table": str(file)} | {name: str(path) for name, path in files.items()},
                pip_requirements=[f"{package}=={package_version(package)}" for package in REQUIRED],
                metadata=origin,
                signature=signature_of(kind, table),
            )
        tags = {**origin, "dagster_run_id": stage.context.run.run_id}
        version = str(mlflow.register_model(logged.model_uri, name, tags=tags).version)
    if tracking.may_move("challenger", stage.vintage, kind):
        client.set_registered_model_alias(name, "challenger", version)
    return version


def signature_of(kind: Kind, table: "pd.DataFrame") -> "ModelSignature":
    """What the model is asked and what it answers, which MLflow shows, and holds every question to."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    asked = [ColSpec(dtype, name, kind not in OPTIONAL) for name, dtype in QUESTIONS[kind].items()]
    columns = ["channel", "spend", "mean", "q05", "q95"] if kind == "curves" else list(table)
    answered = [ColSpec(_type_name(table[name]), name) for name in columns]
    return ModelSignature(inputs=Schema(asked), outputs=Schema(answered))


def _type_name(column: "pd.Series") -> str:
    """MLflow's name of a column's type."""
    from pandas.api import types

    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_datetime64_any_dtype(column):
        return "datetime"
    return "double" if types.is_numeric_dtype(column) else "string"
