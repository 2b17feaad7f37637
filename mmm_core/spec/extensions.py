"""Extension modules: Python files of a user's own that a specification names under `extensions`.

They are code behind a posterior like any module of this library, so their source counts in its version and a copy is
kept beside it. In one process there is one module of a name: what was imported first stays.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from mmm_core.errors import InputError, SpecError
from mmm_core.source import LIBRARY


@dataclass(frozen=True)
class Extension:
    """An extension module with what it imports beside itself, as its files were when it was imported.

    Attributes:
        name: dotted, as the specification has it.
        folder: where it was found.
        files: source by path below the folder, `my_shapes.py` or `acme/shapes.py`.
        imports: names it imports from elsewhere, the standard library and this one included.
    """

    name: str
    folder: Path
    files: Mapping[str, bytes]
    imports: frozenset[str]

    def same_as_in(self, folder: Path) -> bool:
        """Whether a folder holds the same files."""
        return all(_content(folder / file) == source for file, source in self.files.items())


PACKAGE = 5
"""What `modulefinder` calls a package."""

_READ: WeakKeyDictionary[ModuleType, Extension] = WeakKeyDictionary()


def load_extensions(
    modules: Any, source: str, folders: Iterable[Path] = (), kept: Path | None = None
) -> None:
    """Import the modules that register further kinds, before anything names one.

    Looked for on the Python path, in `folders` and in the current folder; before all of them in `kept`.

    Args:
        modules: what the YAML has under `extensions`.
        source: opens every message.
        folders: that of the YAML.
        kept: folder of the copies beside a posterior, `extensions_folder`.

    Raises:
        SpecError: a module is not found, or fails.
    """
    if not isinstance(modules, list | tuple) or not modules:
        return
    folders = list(folders)
    with _importable([*folders, Path()], kept):
        for module in modules:
            known = str(module) in sys.modules
            _load(str(module), source, kept)
            if known and folders:
                _warn_of_another(extension(str(module)))


def extension(name: str) -> Extension:
    """What was imported as the extension module of a name; imported now where it was not yet.

    Raises:
        SpecError: as `load_extensions`.
    """
    if sys.modules.get(name) not in _READ:
        load_extensions([name], "specification")
    return _READ[sys.modules[name]]


def refuse_changed(names: Iterable[str]) -> None:
    """Raise InputError where a module's files are no longer what this process imported: a fit would be of neither."""
    for name in names:
        found = extension(name)
        if not found.same_as_in(found.folder):
            raise InputError(
                f"extensions: module '{name}' in {found.folder} changed since this process imported it: start a new "
                "process (restart the kernel) and fit again"
            )


def extensions_folder(posterior: Path) -> Path:
    """The folder beside a posterior's file that keeps the extension modules it was fitted with."""
    return posterior.with_suffix(".extensions")


def _load(name: str, source: str, kept: Path | None) -> None:
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")
        remedy = "put it beside the model's YAML, in the current folder or on the Python path"
        if kept is not None:
            remedy = (
                f"put the file it was fitted with into {kept}, in the current folder or on the Python path"
            )
        raise SpecError(
            f"{source}: extensions: module '{name}' cannot be imported: "
            + (remedy if missing else f"{_fault(error)}: correct the module")
        ) from error
    if module not in _READ:
        _READ[module] = _read(name, module, source)


def _fault(error: BaseException) -> str:
    return f"it ends the process, {error!r}" if isinstance(error, SystemExit) else str(error)


def _warn_of_another(loaded: Extension) -> None:
    """Warn where a new process would import another module of this name."""
    found = PathFinder.find_spec(loaded.name.partition(".")[0])
    if found is None or found.origin is None:
        return
    there = Path(found.origin).parent
    folder = there.parent if found.submodule_search_locations else there
    if folder.resolve() != loaded.folder.resolve() and not loaded.same_as_in(folder):
        warnings.warn(
            f"extensions: module '{loaded.name}' was imported from {loaded.folder} before, and stays; the one in "
            f"{folder} is another: start a new process to fit with that",
            stacklevel=4,
        )


def _read(name: str, module: ModuleType, source: str) -> Extension:
    top, _, _ = name.partition(".")
    package = getattr(sys.modules[top], "__path__", None)
    file = getattr(module, "__file__", None)
    if file is None:
        raise SpecError(f"{source}: extensions: module '{name}' has no source file: write it into one")
    folder = Path(next(iter(package))).parent if package else Path(file).parent
    finder = _Beside(folder.resolve(), top)
    finder.import_hook(name)
    places = [getattr(found, "__file__", None) for found in finder.modules.values()]
    beside = sorted({Path(place) for place in places if place})
    files = {path.relative_to(folder.resolve()).as_posix(): path.read_bytes() for path in beside}
    here = {file.partition("/")[0].removesuffix(".py") for file in files}
    outside = {imported for imported in finder.imported if imported.partition(".")[0] not in here}
    return Extension(name, folder.resolve(), files, frozenset(outside))


class _Beside(ModuleFinder):
    """Follows imports within a folder; of one with installed packages, within the package alone."""

    def __init__(self, folder: Path, top: str) -> None:
        super().__init__(path=[str(folder)])
        installed = {Path(sysconfig.get_path(key)).resolve() for key in ("purelib", "platlib")}
        self._only = top if folder in installed or folder.name.endswith("-packages") else None
        self.imported: set[str] = set()

    def scan_opcodes(self, code: Any) -> Any:
        for what, arguments in super().scan_opcodes(code):
            if what == "absolute_import":
                names, module = arguments
                self.imported |= {module, *(f"{module}.{name}" for name in names or ())}
            yield what, arguments

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        if path is None and (name == LIBRARY or (self._only and name != self._only)):
            raise ImportError(name)
        for folder in path or self.path:
            if (Path(folder) / name).is_dir() and not (Path(folder) / name / "__init__.py").is_file():
                return None, str(Path(folder) / name), ("", "", PACKAGE)
        return super().find_module(name, path, parent)

    def load_package(self, name: str, folder: str) -> Any:
        """A package may have no `__init__.py`, which the standard library's finder does not know."""
        if (Path(folder) / "__init__.py").is_file():
            return super().load_package(name, folder)
        package: Any = self.add_module(name)
        package.__path__ = [folder]
        return package


@contextmanager
def _importable(folders: Iterable[Path], kept: Path | None = None) -> Iterator[None]:
    """Modules of the folders can be imported meanwhile, after those on the Python path, and of `kept` before them."""
    after = [str(folder.resolve()) for folder in folders]
    before = [str(kept.resolve())] if kept is not None and kept.is_dir() else []
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # leave nothing beside a user's files
    sys.path[:0], sys.path[len(sys.path) :] = before, after
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        for entry in before:
            sys.path.remove(entry)
        for entry in reversed(after):  # the last one: what a module put there itself stays
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(entry)]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
