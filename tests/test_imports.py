"""Imports run one way, from room to room below, and the code location stays light to import.

The contracts of import-linter in pyproject.toml say the first. The second is about what is imported at module level,
which an import graph does not tell from an import inside a function: that is read from the source here.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import HANGS

ROOT = Path(__file__).parent.parent
PACKAGES = ("mmm_core", "assets", "orchestration")

# What every Dagster process would pay for again if these imported it at module level.
LIGHT = ("assets", "orchestration")
HEAVY = {
    "jax",
    "numpyro",
    "arviz",
    "mlflow",
    "matplotlib",
    "pymc",
    "great_expectations",
}


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` gives `a.b.c`, as c may be a module."""

    name: str
    at_module_level: bool


def imports_of(path: Path, root: Path) -> list[Import]:
    """Every import of a file, those in functions included and those for type checkers only left out."""
    package = ".".join(path.relative_to(root).with_suffix("").parts[:-1])

    def walk(nodes: list[ast.stmt] | list[ast.AST], module_level: bool) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, module_level)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = package.split(".")[: len(package.split(".")) - node.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", module_level)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from walk(node.orelse, module_level)
            else:
                inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(list(ast.iter_child_nodes(node)), module_level and not inside)

    return list(walk(ast.parse(path.read_text(), str(path)).body, True))


def modules(root: Path, package: str) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def heavy_modules(root: Path) -> dict[str, str]:
    """Modules of ours that load a heavy package when imported, each with the shortest chain that leads to it."""
    files = {module_name(path, root): path for package in PACKAGES for path in modules(root, package)}
    loads: dict[str, set[str]] = {}
    for name, path in files.items():
        # `from a.b import c` loads a and a.b, and a.b.c if that is a module.
        targets = [i.name.split(".") for i in imports_of(path, root) if i.at_module_level]
        loaded = {".".join(parts[:n]) for parts in targets for n in range(1, len(parts) + 1)}
        loads[name] = loaded & (files.keys() | HEAVY) - {name}
    chains = {name: name for name in HEAVY}
    while found := {
        name: f"{name} -> {chains[target]}"
        for name in files.keys() - chains.keys()
        for target in sorted(loads[name] & chains.keys(), reverse=True)
    }:
        chains |= found
    return {name: chain for name, chain in chains.items() if name in files}


def problems(root: Path) -> list[str]:
    """Modules of assets and orchestration under `root` that load a heavy package, one line each."""
    found = []
    # A file that runs by itself may load what it needs: the fit's process, and what lies in a folder that is no
    # package. A module that imports one of these is found out all the same.
    entry_points = {module_name(path, root) for path in (root / "orchestration").glob("pipes/*.py")} | {
        module_name(path, root)
        for package in LIGHT
        for path in modules(root, package)
        if not (path.parent / "__init__.py").exists()
    }
    for name, chain in heavy_modules(root).items():
        if name.split(".")[0] in LIGHT and name not in entry_points:
            found.append(f"{name}: loads a heavy package at import: {chain}")
    return found


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on the packages in a folder, by the contracts in its pyproject.toml."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANGS)


def test_every_import_keeps_its_contract():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def copied(tmp_path):
    """The packages and their contracts, to break."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_each_contract_is_broken_by_a_bad_import(copied):
    bad = {
        "assets": "from orchestration.resources import build",
        "mmm_core/effects": "def f():\n    from mmm_core.review import review",
        "mmm_core/data": "def f():\n    import duckdb",
        "mmm_core/spec": "import rich",
    }
    for folder, text in bad.items():
        (copied / folder / "bad.py").write_text(text + "\n")
    upwards = {
        "runtime": "def f():\n    from mmm_core.inference.fit import fit",
        "hmc/state": "def f():\n    from mmm_core.inference.hmc.adaptation import Adaptation",
    }
    for module, text in upwards.items():
        (copied / f"mmm_core/inference/{module}.py").write_text(text + "\n")
    done = lint_imports(copied)
    assert done.returncode == 1
    assert done.stdout.count(" BROKEN") == 6, done.stdout
    for line in (
        "assets.bad -> orchestration.resources (l.1)",
        "mmm_core.effects.bad -> mmm_core.review (l.2)",
        "mmm_core.data.bad -> duckdb (l.2)",
        "mmm_core.spec.bad -> rich (l.1)",
        "mmm_core.inference.runtime -> mmm_core.inference.fit (l.2)",
        "mmm_core.inference.hmc.state -> mmm_core.inference.hmc.adaptation (l.2)",
    ):
        assert line in done.stdout


def test_a_room_without_a_place_among_the_layers_is_named(copied):
    (copied / "mmm_core/attic").mkdir()
    (copied / "mmm_core/attic/__init__.py").touch()
    done = lint_imports(copied)
    assert done.returncode == 1
    assert "- mmm_core.attic" in done.stdout


def test_the_code_location_stays_light():
    assert not problems(ROOT)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("assets/bad.py", "import jax.numpy as jnp\n", "assets.bad: loads a heavy package at import"),
        ("assets/bad.py", "try:\n    import arviz\nexcept ImportError:\n    pass\n", "assets.bad -> arviz"),
        ("assets/bad.py", "from mmm_core.deep import fit\n", "assets.bad -> mmm_core.deep.fit -> numpyro"),
        (
            "orchestration/bad.py",
            "from .helper import x\n",
            "orchestration.bad -> orchestration.helper -> mlflow",
        ),
    ],
)
def test_a_heavy_import_is_found(tmp_path, file, text, message):
    for package in (*PACKAGES, "mmm_core/deep", "orchestration/pipes", "assets/loose"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "assets/loose/__init__.py").unlink()
    (tmp_path / "assets/loose/model.py").write_text("import mlflow\n")
    (tmp_path / "orchestration/pipes/fit.py").write_text("import jax\n")
    (tmp_path / "mmm_core/deep/fit.py").write_text("import numpyro\n")
    (tmp_path / "orchestration/helper.py").write_text("import mlflow\n" if "helper" in text else "")
    assert not problems(tmp_path) or "helper" in text
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert any(message in line for line in problems(tmp_path)), problems(tmp_path)


def test_imports_inside_functions_and_for_type_checkers_are_fine(tmp_path):
    for package in (*PACKAGES, "mmm_core/deep"):
        (tmp_path / package).mkdir()
    (tmp_path / "mmm_core/deep/fit.py").write_text("import jax\n")
    (tmp_path / "assets/good.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import arviz\n"
        "def f():\n    from mmm_core.deep.fit import fit\n    import mlflow\n    return fit, mlflow\n"
    )
    assert not problems(tmp_path)


@pytest.mark.slow
def test_the_code_location_loads_no_heavy_package():
    code = (
        "import sys; import orchestration.definitions;"
        f"loaded = sorted({HEAVY!r} & set(sys.modules)); sys.exit(f'loaded: {{loaded}}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=HANGS
    )
    assert done.returncode == 0, done.stderr[-3000:]
