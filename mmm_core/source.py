"""The source behind a module: the files of this library that its import runs or that its functions import, hashed.

What a version needs to know of the code. Imports are read from the source by Grimp, those inside functions included;
those for type checkers only (`if TYPE_CHECKING:`) are not, as nothing of them runs. It takes a few hundredths of a
second and is worked out once a process, so that it speaks of the source that the process began with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grimp import ImportGraph

LIBRARY = "mmm_core"


def source_hash(modules: Iterable[str], further: Mapping[str, bytes] | None = None) -> str:
    """Hash of the source behind some modules of this library, 16 hexadecimal digits.

    Args:
        modules: dotted names, `mmm_core.model.model`; what they import counts too, directly or not.
        further: other source to count, by the name to call it.

    Raises:
        ValueError: no such module.
    """
    sources = {name: _source(name) for name in modules_behind(frozenset(modules))}
    digest = hashlib.sha256()
    for name, source in sorted({**sources, **(further or {})}.items()):
        digest.update(f"{name}\0{hashlib.sha256(source).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def is_module(name: str) -> bool:
    """Whether a dotted name is a module of this library."""
    return _is_ours(name) and name in _graph().modules


@cache
def modules_behind(modules: frozenset[str]) -> frozenset[str]:
    """The modules of this library that some of them import, directly or not, themselves and packages included.

    Raises:
        ValueError: no such module.
    """
    for name in sorted(modules - _graph().modules):
        raise ValueError(f"{name}: no such module of {LIBRARY}")
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        found.add(name)
        imported = {other for other in _graph().find_modules_directly_imported_by(name) if _is_ours(other)}
        packages = {name.rpartition(".")[0]} - {""}  # importing a.b runs the package a first
        waiting |= (imported | packages) - found
    return frozenset(found)


def outside_packages(modules: Iterable[str]) -> frozenset[str]:
    """Top-level names, the standard library's included, that the source behind some modules imports."""
    behind = modules_behind(frozenset(modules))
    imported = {other for name in behind for other in _graph().find_modules_directly_imported_by(name)}
    return frozenset(name for name in imported if not _is_ours(name))


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == LIBRARY


@cache
def _graph() -> ImportGraph:
    import grimp

    # no cache: it would be written into the current folder, and saves less than it costs
    return grimp.build_graph(
        LIBRARY, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@cache
def _source(name: str) -> bytes:
    place = Path(__file__).parent.joinpath(*name.split(".")[1:])
    package = place / "__init__.py"
    return (package if package.is_file() else place.with_suffix(".py")).read_bytes()
