"""Extension modules: which files are behind a name, and what happens when they change."""

import sys

import pytest

from mmm_core.errors import InputError, SpecError
from mmm_core.inference.version import fit_source
from mmm_core.spec.extensions import extension, load_extensions, refuse_changed
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC


@pytest.fixture
def folder(tmp_path):
    """A folder of modules, forgotten afterwards."""
    before = set(sys.modules)
    files = {
        "shapes_of_ours.py": "import json\nimport helpers_of_ours\nfrom mmm_core.effects import decay\n\n\n"
        "def f():\n    from package_of_ours.deep import x\n    return x\n",
        "helpers_of_ours.py": "import numpy\n",
        "package_of_ours/__init__.py": "from . import beside\n",
        "package_of_ours/beside.py": "",
        "package_of_ours/deep.py": "x = 1\n",
        "package_of_ours/unused.py": "",
        "namespace_of_ours/shapes.py": "import helpers_of_ours\n",
        "stranger.py": "1 / 0\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    yield tmp_path
    for name in set(sys.modules) - before:
        if "_of_ours" in name:
            del sys.modules[name]


def forget():
    for name in [name for name in sys.modules if "_of_ours" in name]:
        del sys.modules[name]


def source_with(folder, module="shapes_of_ours"):
    """The source of a fit whose specification names the module, in a process that has not imported it yet."""
    forget()
    return fit_source(parse_spec({**SPEC, "extensions": [module]}, folders=[folder]))


def test_a_module_stands_for_what_it_imports_beside_itself(folder):
    load_extensions(["shapes_of_ours", "namespace_of_ours.shapes"], "spec", [folder])
    found = extension("shapes_of_ours")
    assert list(found.files) == [
        "helpers_of_ours.py",
        "package_of_ours/__init__.py",
        "package_of_ours/beside.py",
        "package_of_ours/deep.py",
        "shapes_of_ours.py",
    ]
    assert {"json", "numpy", "mmm_core.effects.decay"} <= found.imports
    assert "helpers_of_ours" not in found.imports
    assert list(extension("namespace_of_ours.shapes").files) == [
        "helpers_of_ours.py",
        "namespace_of_ours/shapes.py",
    ]
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize("file", ["shapes_of_ours.py", "helpers_of_ours.py", "package_of_ours/deep.py"])
def test_a_changed_byte_of_it_changes_the_source_of_a_fit(folder, file):
    before = source_with(folder)
    (folder / file).write_text((folder / file).read_text() + "#")
    assert source_with(folder) != before


@pytest.mark.parametrize("file", ["stranger.py", "package_of_ours/unused.py"])
def test_other_files_of_its_folder_do_not(folder, file):
    before = source_with(folder)
    (folder / file).write_text("# changed")
    assert source_with(folder) == before


def test_modules_of_the_library_count_that_only_it_imports(folder):
    plain = source_with(folder, "helpers_of_ours")
    (folder / "helpers_of_ours.py").write_text("import numpy\nimport mmm_core.effects.decay\n")
    assert source_with(folder, "helpers_of_ours") != plain


def test_an_installed_package_stands_for_itself_alone():
    load_extensions(["yaml"], "spec")
    assert {file.partition("/")[0] for file in extension("yaml").files} == {"yaml"}


def test_a_file_that_changed_after_its_import_is_not_fitted(folder):
    load_extensions(["shapes_of_ours"], "spec", [folder])
    refuse_changed(["shapes_of_ours"])
    (folder / "helpers_of_ours.py").write_text("import numpy  # edited\n")
    with pytest.raises(
        InputError, match=r"'shapes_of_ours' in .* changed since this process imported it: start a new"
    ):
        refuse_changed(["shapes_of_ours"])


def test_another_module_of_the_same_name_is_remarked_on(folder, tmp_path):
    load_extensions(["helpers_of_ours"], "spec", [folder])
    load_extensions(["helpers_of_ours"], "spec", [folder])  # itself: no remark
    other = tmp_path / "other"
    other.mkdir()
    (other / "helpers_of_ours.py").write_text("import json\n")
    with pytest.warns(
        UserWarning, match=f"imported from {folder} before, and stays; the one in {other} is another"
    ):
        load_extensions(["helpers_of_ours"], "spec", [other])


def test_a_module_that_ends_the_process_or_has_no_file_is_refused(folder, monkeypatch):
    (folder / "leaving_of_ours.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(
        SpecError, match=r"'leaving_of_ours' cannot be imported: it ends the process, SystemExit\(0\)"
    ):
        load_extensions(["leaving_of_ours"], "spec", [folder])
    monkeypatch.setitem(sys.modules, "made_of_ours", type(sys)("made_of_ours"))
    with pytest.raises(SpecError, match="'made_of_ours' has no source file: write it into one"):
        load_extensions(["made_of_ours"], "spec")
