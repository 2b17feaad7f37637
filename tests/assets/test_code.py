"""Code versions of the assets: which source they follow."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from assets.code import code_version, engine_modules
from assets.resources.settings import REPOSITORY
from tests.waiting import HANGS

# Changes one file after another of a copy and says which assets' code version that changes.
CHANGE = """
import importlib, json, sys
from pathlib import Path
from mmm_core import source

NAMES = {
    "model_table": "assets.model_inputs", "mmm_posterior": "assets.posteriors", "model_review": "assets.posteriors",
    "registered_model": "assets.registry", "champion": "assets.registry", "roi": "assets.curves",
    "contributions": "assets.curves", "response_curves": "assets.curves", "budget_allocation": "assets.allocation",
    "media_transforms": "assets.transforms", "published_results": "assets.publish",
}

def versions():
    for cached in (source._graph, source.modules_behind, source._source):
        cached.cache_clear()
    found = {}
    for name, package in NAMES.items():
        module = importlib.reload(importlib.import_module(f"{package}.{name}"))
        (found[name],) = getattr(module, name).code_versions_by_key.values()
    return found

before, changed = versions(), {}
for file in sys.argv[1:]:
    path, text = Path(file), Path(file).read_bytes()
    path.write_bytes(text + b"#")
    changed[file] = sorted(name for name, version in versions().items() if version != before[name])
    path.write_bytes(text)
print(json.dumps(changed))
"""
EXPECTED = {
    "mmm_core/model/model.py": ["mmm_posterior", "model_review"],
    "mmm_core/inference/engines/ridge/search.py": ["mmm_posterior"],
    "mmm_core/plots/plots.py": [],
    "mmm_core/cli/cli.py": [],
    "mmm_core/budget/optimum.py": ["budget_allocation"],
    "mmm_core/promotion/decision.py": ["champion"],
    "assets/registry/champion.py": ["champion"],
    "assets/registry/predictor/model.py": ["registered_model"],
    "assets/posteriors/mmm_posterior.py": ["mmm_posterior"],
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for package in ("mmm_core", "assets"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "sources.yaml", folder)  # the contracts name their sources
    done = subprocess.run(
        [sys.executable, "-c", CHANGE, *EXPECTED], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("file", EXPECTED)
def test_an_asset_follows_the_source_that_computes_it(changed, file):
    assert changed[file] == EXPECTED[file]


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"mmm_core\.fit: no such module"):
        code_version("assets.code", "fit")


def test_the_engines_are_modules_of_the_library():
    assert "inference.engines.hmc" in engine_modules()
    assert code_version("assets.code", *engine_modules())
