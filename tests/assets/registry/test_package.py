"""A registered model loads and predicts, in another folder, with nothing but what it says it requires."""

import json
import os
import subprocess
import sys
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement

from assets.registry.package import distribution_of, package
from mmm_core.posterior.schema import save_posterior
from mmm_core.spec.model_spec import parse_spec
from mmm_core.transforms.adstock import ADSTOCKS
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.waiting import HANGS

pytestmark = pytest.mark.slow

SHAPES = """
from packaged_helper import falls
from mmm_core import ADSTOCKS, parameter


@ADSTOCKS.register("packaged", span=parameter("weeks until nothing is left", uniform=[1, 8]))
def packaged(lags, span):
    return falls(lags, span)
"""
HELPER = """
import jax.numpy as jnp
import typer  # which nothing else requires


def falls(lags, span):
    return jnp.clip(1 - lags / span, 0)
"""

PREDICT = """
import importlib.util, json, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
forecast = model.predict(pd.read_parquet(sys.argv[2]))
print(json.dumps({
    "rows": len(forecast), "median": forecast["median"].tolist(),
    "files": {name: sys.modules[name].__file__ for name in ("mmm_core", "packaged_shapes", "packaged_helper")},
    "too_much": [name for name in ("dagster", "dbt", "pytest", "assets") if importlib.util.find_spec(name)],
}))
"""


def saved(folder):
    """A model with holidays and an extension module, saved as `log_model` saves it."""
    import mlflow

    (folder / "models").mkdir()
    (folder / "models" / "packaged_shapes.py").write_text(SHAPES)
    (folder / "models" / "packaged_helper.py").write_text(HELPER)
    spec = parse_spec(
        {
            **SPEC,
            "extensions": ["packaged_shapes"],
            "media": {"channels": {"tv": {"spend": "tv_spend", "adstock": {"kind": "packaged", "l_max": 4}}}},
            "baseline": {"holidays": {"country": "US"}},
        },
        folders=[folder / "models"],
    )
    file = save_posterior(posterior(spec, weekly_table()), folder / "posteriors" / "abc.nc")
    mlflow.pyfunc.save_model(folder / "model", **package(file, spec.extensions))
    return folder / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model alone, in a folder of its own: what it was made of is gone."""
    folder = tmp_path_factory.mktemp("made")
    try:
        place = saved(folder).rename(tmp_path_factory.mktemp("elsewhere") / "model")
    finally:
        for name in ("packaged_shapes", "packaged_helper"):
            sys.modules.pop(name, None)
        ADSTOCKS.pop("packaged", None)
    for used in (*folder.rglob("*.py"), *folder.rglob("*.nc")):
        used.unlink()
    return place


def environment_of(requirements: Path, folder: Path) -> set[str]:
    """Fill a folder with links to the distributions that a requirements.txt names and those they declare."""
    waiting = [Requirement(line) for line in requirements.read_text().splitlines() if line.strip()]
    done: set[tuple[str, str]] = set()
    names = set()
    while waiting:
        wanted = waiting.pop()
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) in done:
                continue
            done.add((wanted.name, extra))
            found = distribution(wanted.name)
            assert found.version in wanted.specifier
            needs = [Requirement(text) for text in found.requires or ()]
            waiting += [
                need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})
            ]
            if found.metadata["Name"] not in names:
                names.add(found.metadata["Name"])
                _link(found, folder)
    return names


def _link(found: Distribution, folder: Path) -> None:
    for file in found.files or ():
        source, target = Path(str(found.locate_file(file))), folder / file
        if ".." not in file.parts and source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def predict(model: Path, environment: Path, plan: Path) -> subprocess.CompletedProcess:
    """In a process that sees the standard library (-S: no site-packages) and the environment."""
    return subprocess.run(
        [sys.executable, "-S", "-c", PREDICT, str(model), str(plan)],
        cwd=environment.parent, capture_output=True, text=True, timeout=HANGS,
        env={"PYTHONPATH": str(environment), "HOME": str(environment.parent), "PATH": os.environ["PATH"]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    weeks = pd.date_range("2025-03-24", periods=4, freq="7D")
    path = tmp_path_factory.mktemp("plan") / "plan.parquet"
    pd.DataFrame({"week_start": weeks, "tv_spend": 100.0, "price": 10.0}).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def environment(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("environment") / "packages"
    folder.mkdir()
    names = environment_of(model / "requirements.txt", folder)
    assert "dagster" not in names
    return folder


def test_it_predicts_where_only_its_requirements_are(model, environment, plan):
    done = predict(model, environment, plan)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["rows"] == 4
    assert all(median == median for median in said["median"])
    assert said["too_much"] == []
    assert all(file.startswith(str(model / "code")) for file in said["files"].values()), said["files"]
    assert "fit again" not in done.stderr


@pytest.mark.parametrize("needed", ["h5py", "holidays", "typer"])
def test_each_requirement_that_no_import_of_the_library_shows_is_named(model, needed):
    lines = (model / "requirements.txt").read_text().splitlines()
    assert any(line.startswith(f"{needed}==") for line in lines)


def test_a_package_is_known_by_the_distribution_that_installed_it():
    """As the standard library says, which asks the file system for every file; but for what is installed editable."""
    known = {package: names[0] for package, names in packages_distributions().items()}
    ours = {package for package, name in known.items() if name == "carryover"}
    assert {package: distribution_of(package) for package in known.keys() - ours} == {
        package: name for package, name in known.items() if package not in ours
    }
    assert len(known) > 100
    assert distribution_of("no_such_package") is None
