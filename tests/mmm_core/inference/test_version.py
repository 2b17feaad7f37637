"""What a posterior's version follows: table, specification, seed and every source file that computes it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmm_core
from mmm_core.data.table import fingerprint
from mmm_core.inference.engines import ENGINES
from mmm_core.inference.version import fit_source, posterior_version, source_remark
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.waiting import HANGS

ROOT = Path(mmm_core.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
)
NO_PART = ("plots", "cli", "simulate", "review", "diagnostics", "effects", "forecast", "budget")
"""Rooms that a fit does not enter."""

# Adds a byte to one module after another and says whose fit source that changes.
CHANGE_EACH = """
import json, sys
from pathlib import Path
import mmm_core
from mmm_core import source
from mmm_core.inference.engines import ENGINES
from mmm_core.inference.version import fit_source
from mmm_core.spec.model_spec import parse_spec

specs = {name: parse_spec({**json.loads(sys.argv[1]), "fit": {"engine": name}}) for name in ENGINES}

def sources():
    source._source.cache_clear()  # who imports whom stays: a comment is added
    return {name: fit_source(spec) for name, spec in specs.items()}

root = Path(mmm_core.__file__).parent
before, changed = sources(), {}
for path in sorted(root.rglob("*.py")):
    text = path.read_bytes()
    path.write_bytes(text + b"#")
    name = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
    changed[name] = [engine for engine, found in sources().items() if found != before[engine]]
    path.write_bytes(text)
assert sources() == before
print(json.dumps({"root": str(root), "before": before, "changed": changed}))
"""

# Fits, and says which modules of the library that took.
FIT = """
import json, sys
import jax
jax.config.update("jax_disable_most_optimizations", True)
import pandas as pd
from mmm_core.inference.fit import fit
from mmm_core.spec.model_spec import parse_spec
fit(pd.read_parquet(sys.argv[2]), parse_spec(json.loads(sys.argv[1])))
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] == "mmm_core")))
"""


def python(code, *arguments, **options):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=HANGS, **options
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """What changes the source of which engine's fit, tried on a copy that is neither installed nor under git."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT, folder / "mmm_core", ignore=shutil.ignore_patterns("__pycache__"))
    found = python(CHANGE_EACH, json.dumps(SPEC), cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)})
    assert found["root"] == str(folder / "mmm_core")
    return found


@pytest.fixture(scope="module", params=["numpyro", "ridge"])
def imported(request, tmp_path_factory):
    """An engine and the modules that one fit by it imports."""
    table = tmp_path_factory.mktemp("table") / "weekly.parquet"
    weekly_table().to_parquet(table)
    length = {"engine": request.param, "chains": 1, "warmup": 100, "draws": 100}
    return request.param, python(FIT, json.dumps({**SPEC, "fit": length}), str(table))


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[1:2] not in [[n] for n in NO_PART]]
)
def test_a_changed_byte_changes_the_version_of_each_fit_that_imports_the_module(module, copied, imported):
    engine, modules = imported
    assert engine in copied["changed"][module] or module not in modules


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[1:2] in [[n] for n in NO_PART]]
)
def test_a_changed_plot_command_or_analysis_does_not(module, copied):
    assert copied["changed"][module] == []


@pytest.mark.slow
def test_a_further_public_name_refits_nothing(copied):
    assert copied["changed"]["mmm_core.public"] == []
    assert copied["changed"]["mmm_core"] == list(ENGINES)


@pytest.mark.slow
def test_an_engines_source_counts_for_its_own_fits(copied):
    changed = copied["changed"]
    assert changed["mmm_core.inference.engines.ridge.search"] == ["ridge"]
    assert changed["mmm_core.inference.engines.hmc"] == ["numpyro"]
    assert changed["mmm_core.inference.engines.pymc.model"] == ["pymc"]
    for module in ("worker", "environment", "draws", "job"):
        assert changed[f"mmm_core.inference.engines.meridian.{module}"] == ["meridian"]
    assert changed["mmm_core.inference.engines.normal_approximation"] == ["laplace", "advi"]
    assert changed["mmm_core.model.model"] == list(ENGINES)


@pytest.mark.slow
def test_the_source_is_the_same_wherever_it_lies(copied):
    for engine, found in copied["before"].items():
        assert fit_source(parse_spec({**SPEC, "fit": {"engine": engine}})) == found


def test_version_follows_data_specification_and_seed():
    table, spec = fingerprint(weekly_table()), parse_spec(SPEC)
    assert posterior_version(table, spec) == posterior_version(table, parse_spec(SPEC))
    others = [
        posterior_version(fingerprint(weekly_table(seed=2)), spec),
        *(
            posterior_version(table, parse_spec({**SPEC, **changes}))
            for changes in (
                {"fit": {**SPEC["fit"], "seed": 9}},
                {"fit": {**SPEC["fit"], "engine": "laplace"}},
                {"controls": []},
                {"likelihood": "student_t"},
            )
        ),
    ]
    assert len({posterior_version(table, spec), *others}) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "team:other"},
        {"schedule": "none"},
        {"table": "weekly_tables/other"},
        {"review": {"rhat": 1.05}},
        {"budget": {"weeks": 26}},
        {
            "geo": None,
            "baseline": {"level": "random_walk", "seasonality": {"order": 2}},
        },  # the defaults, written out
    ],
)
def test_what_a_fit_does_not_read_refits_nothing(changes):
    table = fingerprint(weekly_table())
    assert posterior_version(table, parse_spec({**SPEC, **changes})) == posterior_version(
        table, parse_spec(SPEC)
    )


def test_a_posterior_of_other_source_is_remarked_on_with_its_file():
    tree = posterior()
    assert source_remark(tree, "posterior.nc") == ""
    here = tree.attrs["source"]
    tree.attrs |= {"source": "0123456789abcdef", "versions": '{"carryover": "0.0.9"}'}
    remark = source_remark(tree, "posterior.nc")
    assert remark.startswith(
        "posterior.nc was written by carryover 0.0.9, source 0123456789abcdef; this is carryover"
    )
    assert here in remark
    assert "fit again" in remark
