"""A vintage to materialize the assets behind a posterior on; see vintage.py."""

import shutil

import dagster as dg
import pytest

from tests.assets.vintage import ModelStages


@pytest.fixture(scope="session")
def small_model(tmp_path_factory, mlflow_database):
    """A folder with a frozen table and a posterior that is materialized and registered; copy it to change it."""
    folder = tmp_path_factory.mktemp("small_model")
    shutil.copy(mlflow_database, folder / "mlflow.db")
    (folder / "models").mkdir()
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("MMM_MODELS_DIR", str(folder / "models"))
        stages = ModelStages(folder, instance)
        stages.write_spec()
        stages.freeze()
        stages.registered()
    return folder


@pytest.fixture
def stages(small_model, tmp_path, monkeypatch):
    """A copy of it, with an instance of its own."""
    shutil.copytree(small_model, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path / "models"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield ModelStages(tmp_path, instance)


@pytest.fixture
def unfitted(tmp_path, mlflow_database, monkeypatch):
    """A folder with a frozen table and no posterior."""
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path / "models"))
    with dg.DagsterInstance.ephemeral() as instance:
        stages = ModelStages(tmp_path, instance)
        stages.write_spec()
        stages.freeze()
        yield stages
