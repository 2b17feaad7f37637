"""Code versions: a hash of the `mmm_core` source behind an asset, and a number bumped by hand.

The source behind a module is the module and all of `mmm_core` that it imports, read from the import statements:
a change in a plot does not call a posterior outdated, a change in the sampler does.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

import mmm_core

SOURCE = Path(mmm_core.__file__).parent


def code_version(*modules: str, bump: int = 1) -> str:
    """Version of an asset computed by `modules` of `mmm_core`; bump it when code around the library changes."""
    digest = hashlib.sha256()
    for path in sorted(_sources(frozenset(modules))):
        digest.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return f"{bump}-{digest.hexdigest()[:12]}"


def _sources(modules: frozenset[str]) -> set[Path]:
    found: set[Path] = set()
    waiting = {path for module in modules for path in _files(f"mmm_core.{module}")}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= _imports(path) - found
    return found


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Source files of `mmm_core` that a source file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(file for name in names for file in _files(name))


def _files(name: str) -> set[Path]:
    """Files of the module that a dotted name is, or lies in, and of the packages around it."""
    parts = name.split(".")
    if parts[0] != SOURCE.name:
        return set()
    around = [SOURCE.joinpath(*parts[1:n]) for n in range(1, len(parts) + 1)]
    candidates = [file for place in around for file in (place / "__init__.py", place.with_suffix(".py"))]
    return {file for file in candidates if file.is_file()}
