"""Every environment is in every map, and none is assumed."""

import pytest

from orchestration import environments as env


def test_every_map_names_every_environment():
    assert len(env.MAPS) >= 6
    for names in env.MAPS:
        assert set(names) == set(env.ENVIRONMENTS)


def test_an_unknown_environment_is_refused(monkeypatch):
    monkeypatch.setenv("MMM_ENVIRONMENT", "production")
    with pytest.raises(env.EnvironmentRefused, match="'production': it must be one of dev, test, prod"):
        env.environment()


def test_production_names_its_mlflow_server(monkeypatch):
    monkeypatch.setenv("MMM_ENVIRONMENT", "prod")
    monkeypatch.delenv("MMM_MLFLOW_URI", raising=False)
    with pytest.raises(env.EnvironmentRefused, match="MMM_MLFLOW_URI"):
        env.mlflow_uri()
    monkeypatch.setenv("MMM_MLFLOW_URI", "http://mlflow.example:5000")
    assert env.mlflow_uri() == env.mlflow_ui() == "http://mlflow.example:5000"
    assert env.mlflow_artifacts() is None


def test_everything_lies_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("MMM_MLFLOW_URI", raising=False)
    paths = env.paths()
    places = [
        getattr(paths, name) for name in vars(type(paths)) if isinstance(vars(type(paths))[name], property)
    ]
    assert len(places) >= 8
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert env.mlflow_uri() == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
