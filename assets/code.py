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
        digest.update(path.name.encode() + path.read_bytes())
    return f"{bump}-{digest.hexdigest()[:12]}"


def _sources(modules: frozenset[str]) -> set[Path]:
    found: set[Path] = set()
    waiting = set(modules)
    while waiting:
        path = SOURCE / f"{waiting.pop()}.py"
        if path not in found:
            found.add(path)
            waiting |= _imports(path)
    return found


@cache
def _imports(path: Path) -> frozenset[str]:
    """Names of the modules of `mmm_core` that a source file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "mmm_core":
                names |= {alias.name for alias in node.names}
            elif node.module.startswith("mmm_core."):
                names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("mmm_core.")}
    return frozenset(name for name in names if (path.parent / f"{name}.py").is_file())
