"""Response curves and budgets as registered MLflow models of their own: `mmm_<model>_curves` and `mmm_<model>_budget`.

A version holds one table, made from one posterior, and answers from it with pandas alone: whoever plans a budget needs
neither JAX nor the posterior's draws. The same table of the same posterior is the same version.
"""

import tempfile
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assets.models import ANSWERS
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

Kind = Literal["curves", "budget"]
PREDICTORS = {kind: Path(__file__).parent / "predictor" / f"{kind}.py" for kind in ANSWERS}
REQUIRED = ("numpy", "pandas", "pyarrow")
QUESTIONS = {"curves": {"channel": "string", "spend": "double"}, "budget": {"channel": "string"}}
"""Columns of what each is asked, with MLflow's names of their types."""
OPTIONAL = {"budget"}
"""Those that answer an empty table too, with everything they hold."""


def register_answer(kind: Kind, table: "pd.DataFrame", stage: Stage, tracking: Tracking) -> str:
    """Register a table in the stage's MLflow run, alias `challenger` with it; the number of its version."""
    import mlflow

    from mmm_core.data.table import fingerprint

    name = registered_name(stage.vintage.model, kind)
    origin = {
        "posterior_version": stage.posterior_version,
        "model_version": stage.model_version,
        "data_version": fingerprint(table),
        "as_of_week": stage.vintage.as_of_week,
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
                artifacts={"table": str(file)},
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
