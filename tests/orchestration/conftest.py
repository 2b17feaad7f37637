"""Houses to run the platform in; see house.py for what one has."""

import shutil

import pytest

from assets.marts.project import target_dir
from tests.orchestration.house import House


@pytest.fixture(scope="session")
def shared(tmp_path_factory, mlflow_database):
    """What houses share: an MLflow database, which takes long to create, and posteriors."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copyfile(mlflow_database, folder / "mlflow.db")
    (folder / "posteriors").mkdir()
    import orchestration.definitions  # noqa: F401  (parses the dbt project into the session's data folder)

    shutil.copytree(target_dir(), folder / "dbt_target")
    return folder


@pytest.fixture
def new_house(tmp_path, monkeypatch, shared):
    """A house in which nothing has been fitted."""
    for folder in ("models", "mlflow"):
        (tmp_path / folder).mkdir()
    shutil.copyfile(shared / "mlflow.db", tmp_path / "mlflow" / "mlflow.db")
    shutil.copytree(shared / "dbt_target", tmp_path / "dbt_target")
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.delenv("MMM_MLFLOW_URI", raising=False)
    from orchestration import resources
    from orchestration.instance import prepare

    warehouse, tracking = resources.warehouse(), resources.tracking()
    with prepare(warehouse, tracking) as instance:
        house = House(tmp_path, instance, warehouse, tracking)
        house.write_spec()
        house.write_mart()
        yield house


@pytest.fixture
def house(new_house, shared):
    """A house that finds the posteriors which earlier tests fitted: a version is not fitted twice."""
    kept = shared / "posteriors"
    shutil.copytree(kept, new_house.root / "posteriors", dirs_exist_ok=True)
    yield new_house
    shutil.copytree(
        new_house.root / "posteriors", kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("current.json")
    )
