"""The repository as a whole: what it may not contain, and files that have to agree with one another."""

import re
import subprocess
import tomllib
import warnings
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent

# Spelled in pieces, so that this file does not match itself.
MACHINE_NAMES = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            "python" + "hosted",
            r"registry\." + "npm",
            r"deb\." + "debian",
            r"(?<!no-emit)-" + r"index-url\b",
            r"(?:extra-)?index_" + r"url\s*=",
            r"(?<![\w.$}-])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)(?=/|['\"`\s]|$)",
        ]
    ),
    re.MULTILINE,
)


def machine_names(text: str) -> list[str]:
    """Registry hosts, index addresses and one machine's own paths named in a text."""
    return [match.group() for match in MACHINE_NAMES.finditer(text)]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_machine():
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {name}" for name in machine_names(text)]
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "--" + "index-url somewhere",
        "https://files.python" + "hosted/x",
        "see /wo" + "rk/main",
        'open("/ro' + 'ot/x")',
        "index_" + "url = 'x'",
        "/ho" + "me/someone/x",
    ],
)
def test_a_machine_name_is_found(text):
    assert machine_names(text)


@pytest.mark.parametrize(
    "text", ["--no-emit-" + "index-url", "ad network/working", "/workspace.yaml", "a/root/b"]
)
def test_ordinary_text_is_not(text):
    assert not machine_names(text)


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_licence_metadata_and_text_agree():
    assert project()["license"] == metadata("carryover")["License-Expression"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text.splitlines()[1]
    assert "Version 2.0" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert metadata("carryover").get_all("License-File") == ["LICENSE"]


def test_supported_pythons_agree():
    declared = [c.split()[-1] for c in project()["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert declared == ["3.11", "3.12", "3.13"]
    assert project()["requires-python"] == f">={declared[0]}"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()
    assert f"FROM python:{declared[0]}-" in (ROOT / "deploy/Dockerfile").read_text()


def pins(lock: str) -> dict[str, set[str]]:
    """Versions a lock pins, by package (more than one where platforms differ). Every pin must carry hashes."""
    found: dict[str, set[str]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text()):
        if pin := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", entry):
            assert "--hash=sha256:" in entry, f"{lock}: {pin.group()} has no hash"
            found.setdefault(canonicalize_name(pin[1]), set()).add(pin[2])
    return found


def unmet(requirements: list[str], locked: dict[str, set[str]]) -> list[str]:
    """Requirements that a lock does not satisfy."""

    def met(requirement: Requirement) -> bool:
        versions = locked.get(canonicalize_name(requirement.name))
        return bool(versions) and all(map(requirement.specifier.contains, versions))

    return [text for text in requirements if not met(Requirement(text))]


def test_locks_hold_what_the_project_asks_for():
    extras = project()["optional-dependencies"]
    needed = project()["dependencies"] + extras["platform"]
    assert not unmet(needed + extras["dev"], pins("requirements.lock")), "run `make lock`"
    assert not unmet(needed, pins("requirements-runtime.lock")), "run `make lock`"
    assert unmet(["numpy<1", "nothing-of-the-sort"], pins("requirements.lock")) == [
        "numpy<1",
        "nothing-of-the-sort",
    ]


def test_the_image_runs_the_versions_that_were_tested():
    tested, shipped = pins("requirements.lock"), pins("requirements-runtime.lock")
    assert not {name for name in shipped if shipped[name] != tested.get(name)}, "run `make lock`"
    assert not {"pytest", "ruff", "mypy", "sqlfluff", "pre-commit"} & set(shipped)
    assert set(pins("requirements-bootstrap.lock")) == {"uv", "setuptools"}


@pytest.mark.parametrize("module", ["mmm_core.inference.fit", "assets", "orchestration.definitions"])
def test_a_warning_of_ours_fails_the_test_it_appears_in(module):
    with pytest.raises(RuntimeWarning, match="overflow"):
        warnings.warn_explicit("overflow", RuntimeWarning, "file.py", 1, module=module)
    warnings.warn_explicit("overflow", RuntimeWarning, "file.py", 1, module="numpy.core")
    warnings.warn_explicit("overflow", RuntimeWarning, "file.py", 1, module="assets_of_another")
