"""Imports run one way (orchestration -> assets -> mmm_core), and the code location stays light to import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mmm_core", "assets", "orchestration")

# What a package may never import, at any depth of its code.
FORBIDDEN = {
    "mmm_core": {
        "assets",
        "orchestration",
        "dagster",
        "dbt",
        "mlflow",
        "duckdb",
        "dlt",
        "great_expectations",
    },
    "assets": {"orchestration"},
    "orchestration": set(),
}
# What every Dagster process would pay for again if these imported it at module level.
LIGHT = ("assets", "orchestration")
HEAVY = {"jax", "numpyro", "arviz", "mlflow", "matplotlib", "pymc", "great_expectations"}


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` gives `a.b.c`, as c may be a module."""

    name: str
    line: int
    at_module_level: bool

    @property
    def package(self) -> str:
        """The distribution's package; dagster_dbt counts as dagster."""
        top = self.name.split(".")[0]
        return "dagster" if top.startswith("dagster_") else top


def imports_of(path: Path, root: Path) -> list[Import]:
    """Every import of a file, those in functions included and those for type checkers only left out."""
    package = ".".join(path.relative_to(root).with_suffix("").parts[:-1])

    def walk(nodes: list[ast.stmt] | list[ast.AST], module_level: bool) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, node.lineno, module_level)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = package.split(".")[: len(package.split(".")) - node.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", node.lineno, module_level)
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
    """What breaks the rules under `root`, one line each."""
    found = []
    for package in PACKAGES:
        for path in modules(root, package):
            for imported in imports_of(path, root):
                if imported.package in FORBIDDEN[package]:
                    found.append(f"{path.relative_to(root)}:{imported.line}: imports {imported.name}")
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


def test_imports_run_one_way_and_stay_light():
    assert not problems(ROOT)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("mmm_core/bad.py", "from assets import raw\n", "mmm_core/bad.py:1: imports assets.raw"),
        ("mmm_core/bad.py", "def f():\n    import duckdb\n", "mmm_core/bad.py:2: imports duckdb"),
        ("mmm_core/bad.py", "import dagster_dbt\n", "mmm_core/bad.py:1: imports dagster_dbt"),
        ("mmm_core/deep/bad.py", "from ..fit import x\nimport mlflow.pyfunc\n", "mmm_core/deep/bad.py:2"),
        (
            "assets/bad.py",
            "from orchestration.resources import r\n",
            "assets/bad.py:1: imports orchestration",
        ),
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
def test_a_bad_import_is_found(tmp_path, file, text, message):
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
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
