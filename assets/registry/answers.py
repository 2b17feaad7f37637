"""Registered MLflow models beside a model: `mmm_<model>_curves`, `mmm_<model>_budget` and `mmm_<model>_long_term`.

A version holds one table, made from one posterior, and answers from it with pandas, and scipy for a budget: whoever
plans a budget needs neither JAX nor the posterior. Curves and budget hold the draws of the response curves beside it.
The same table of the same posterior, answered in the same way, is the same version. The long term's version holds its
own draws beside the table of returns.
"""

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version as package_version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from assets.models import ANSWERS, LONG_TERM
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from mlflow.models import ModelSignature

    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.budget_spec import Budget

Kind = Literal["curves", "budget", "long_term"]
PREDICTORS = {kind: Path(__file__).parent / "predictor" / f"{kind}.py" for kind in (*ANSWERS, LONG_TERM)}
REQUIRED = {
    "curves": ("numpy", "pandas"),
    "budget": ("numpy", "pandas", "pyarrow", "scipy"),
    "long_term": ("pandas", "pyarrow"),
}
"""What answering takes beside MLflow: what the predictor imports, and pyarrow where it reads a table."""
QUESTIONS = {
    "curves": {"channel": "string", "spend": "double"},
    "budget": {"channel": "string", "lower": "double", "upper": "double"},
    "long_term": {"channel": "string"},
}
"""Columns of what each is asked, with MLflow's names of their types."""
OPTIONAL = {"budget", "long_term"}
"""Those that answer an empty table too, with everything they hold."""
PARAMETERS = {"curves": {"answer": ("string", "each")}, "budget": {"total": ("double", None)}}
"""What else may be asked, `params` of `predict`: MLflow's names of their types, and their defaults."""


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
    answered_by = sha256(PREDICTORS[kind].read_bytes()).hexdigest()[:12]
    origin = {
        "posterior_version": stage.posterior_version,
        "model_version": stage.model_version,
        "data_version": fingerprint(table),
        "as_of_week": stage.vintage.as_of_week,
        "answered_by": answered_by,
        **tags,
    }
    client = tracking.client()
    same = {key: origin[key] for key in ("posterior_version", "data_version", "answered_by")}
    version = tracking.version_with(name, same)
    if version is None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{kind}.parquet"
            table.to_parquet(file, index=False)
            logged = mlflow.pyfunc.log_model(
                name=kind,
                python_model=str(PREDICTORS[kind]),
                artifacts={"table": str(file)} | {name: str(path) for name, path in files.items()},
                pip_requirements=[f"{package}=={package_version(package)}" for package in REQUIRED[kind]],
                metadata=origin,
                signature=signature_of(kind, table),
            )
        tags = {**origin, "dagster_run_id": stage.context.run.run_id}
        version = str(mlflow.register_model(logged.model_uri, name, tags=tags).version)
    if tracking.may_move("challenger", stage.vintage, kind):
        client.set_registered_model_alias(name, "challenger", version)
    return version


def save_draws(
    posterior: "Posterior | xr.DataTree", file: Path, budget: "Budget", table: "pd.DataFrame | None" = None
) -> Path:
    """The draws of the response curves as an answer reads them: channel, spend (channel, point), outcome with draws.

    Args:
        budget: whose weeks, prices and discount hold. table: of a budget; curves then reach as far as its upper bounds.
    """
    import numpy as np

    from mmm_core.effects.curves import MULTIPLIERS, response_draws

    found = response_draws(posterior, budget=budget)
    if table is not None:
        bounds = table.set_index("channel")["upper"].reindex(found["channel"].to_numpy())
        end = found["spend"].isel(multiplier=-1).to_numpy()
        further = float(np.nanmax(bounds.to_numpy() / np.where(end > 0, end, np.inf), initial=1.0))
        if further > 1.0:
            found = response_draws(
                posterior, [*MULTIPLIERS, *(MULTIPLIERS[-1] * np.linspace(1, further, 11)[1:])], budget=budget
            )
    with file.open("wb") as opened:
        np.savez(
            opened,
            channel=found["channel"].to_numpy().astype(str),
            spend=found["spend"].to_numpy(),
            outcome=found["response"].transpose("channel", "multiplier", "draw").to_numpy(),
        )
    return file


def evidence_of(posterior: "xr.DataTree") -> dict[str, str]:
    """The lift tests behind a posterior, as a tag of what answers from it."""
    from mmm_core.posterior.schema import calibrated_by

    seen = calibrated_by(posterior)
    return {"evidence_version": seen.version if seen else "none"}


def signature_of(kind: Kind, table: "pd.DataFrame") -> "ModelSignature":
    """What the model is asked, which MLflow holds every question to, and what it answers where nothing more is asked.

    With params a predictor answers in other columns: its own docstring says which.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    asked = [ColSpec(dtype, name, kind not in OPTIONAL) for name, dtype in QUESTIONS[kind].items()]
    columns = ["channel", "spend", "mean", "q05", "q95"] if kind == "curves" else list(table)
    answered = [ColSpec(_type_name(table[name]), name) for name in columns]
    more = [ParamSpec(name, dtype, default) for name, (dtype, default) in PARAMETERS.get(kind, {}).items()]
    return ModelSignature(
        inputs=Schema(asked), outputs=Schema(answered), params=ParamSchema(more) if more else None
    )


def _type_name(column: "pd.Series") -> str:
    """MLflow's name of a column's type."""
    from pandas.api import types

    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_datetime64_any_dtype(column):
        return "datetime"
    return "double" if types.is_numeric_dtype(column) else "string"
