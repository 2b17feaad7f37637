"""Registered MLflow models beside a model: `mmm_<model>_curves`, `mmm_<model>_budget` and `mmm_<model>_long_term`.

A version holds one table, made from one posterior, and answers from it with pandas, and scipy for a budget: whoever
plans a budget needs neither JAX nor the posterior. Curves hold the draws of the response curves beside it; a budget
those of what it counts: by way of the brand too where its horizon is long.
The same table and files of the same posterior, answered in the same way, are the same version. The long term's version
holds its own draws beside the table of returns.
"""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version as package_version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from assets.models import ANSWERS, LONG_TERM
from assets.registry.aliases import move_challenger
from assets.resources.tracking import CURRENT_SINCE, Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from mlflow.models import ModelSignature


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
    """Register a table in the stage's MLflow run; the number of its version, `challenger` where the model's is.

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
        "files_version": _digest(files),
        "as_of_week": stage.vintage.as_of_week,
        "answered_by": answered_by,
        **tags,
    }
    same = {key: origin[key] for key in ("posterior_version", "data_version", "files_version", "answered_by")}
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
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    tracking.client().set_model_version_tag(name, version, CURRENT_SINCE, now)
    move_challenger(tracking, stage.vintage, kind, version, stage.model_version)
    return version


def _digest(files: Mapping[str, Path]) -> str:
    """Of what a version holds beside its table."""
    digest = sha256()
    for name in sorted(files):
        digest.update(name.encode())
        digest.update(files[name].read_bytes())
    return digest.hexdigest()[:16]


def save_curves(found: "xr.Dataset", file: Path) -> Path:
    """The draws of `mmm_core.effects.curves.response_draws` as the answer `curves` reads them."""
    return _saved(
        file,
        channel=found["channel"].to_numpy().astype(str),
        spend=found["spend"].to_numpy(),
        outcome=found["response"].transpose("channel", "multiplier", "draw").to_numpy(),
    )


def save_counted(found: "xr.Dataset", file: Path) -> Path:
    """The curves and limits of `mmm_core.budget.counted.counted_draws` as the answer `budget` reads them."""
    import numpy as np

    return _saved(
        file,
        channel=found["channel"].to_numpy().astype(str),
        spend=found["spend"].to_numpy(),
        outcome=found["outcome"].transpose("channel", "point", "draw").to_numpy(),
        group=found["group"].to_numpy().astype(str),
        left_out=np.array(found.attrs["left_out"], dtype=str),
        **{name: found[name].to_numpy() for name in ("floor", "member", "least", "most")},
    )


def _saved(file: Path, **arrays: "np.ndarray") -> Path:
    import numpy as np

    with file.open("wb") as opened:
        np.savez(opened, **arrays)
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
