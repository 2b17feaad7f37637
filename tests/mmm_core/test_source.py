"""Which modules are behind another, on a library of a few lines that takes this one's name in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmm_core import source
from tests.waiting import HANGS

FILES = {
    "__init__.py": "",
    "source.py": Path(source.__file__).read_text(),
    "fit.py": (
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "import json, numpy\n"
        "import mmm_core.model.shapes as shapes\n"
        "if TYPE_CHECKING:\n    from mmm_core import plots\n"
        "def fit():\n    from mmm_core.model import level\n    return level\n"
    ),
    "model/__init__.py": "",
    "model/level.py": "from . import deep\n",
    "model/shapes.py": "from mmm_core.fit import fit\n",  # a circle
    "model/deep.py": "try:\n    import scipy.linalg\nexcept ImportError:\n    from ..errors import Fault\n",
    "model/unused.py": "",
    "errors.py": "",
    "plots.py": "import matplotlib\n",
}
BEHIND = [
    "mmm_core",
    "mmm_core.errors",
    "mmm_core.fit",
    "mmm_core.model",
    "mmm_core.model.deep",
    "mmm_core.model.level",
    "mmm_core.model.shapes",
]
ASK = """
import json
from mmm_core import source
fit = frozenset({"mmm_core.fit"})
print(json.dumps([sorted(source.modules_behind(fit)), sorted(source.outside_packages(fit)), source.source_hash(fit)]))
"""


@pytest.fixture
def library(tmp_path):
    for name, text in FILES.items():
        (tmp_path / "mmm_core" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "mmm_core" / name).write_text(text)
    return tmp_path / "mmm_core"


def asked(library):
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=library.parent, env={**os.environ, "PYTHONPATH": str(library.parent)},
        capture_output=True, text=True, timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_what_runs_counts_wherever_it_is_imported_and_what_only_a_type_checker_reads_does_not(library):
    behind, outside, _ = asked(library)
    assert behind == BEHIND
    assert outside == ["__future__", "json", "numpy", "scipy", "typing"]
    assert not (library.parent / ".grimp_cache").exists()


def test_the_hash_is_of_names_and_content(library):
    *_, before = asked(library)
    (library / "plots.py").write_text("import seaborn\n")
    (library / "model" / "unused.py").write_text("1 / 0\n")
    assert asked(library)[-1] == before
    (library / "errors.py").write_text("\n")
    changed = asked(library)[-1]
    (library / "errors.py").write_text("")
    (library / "errors.py").rename(library / "faults.py")
    (library / "model" / "deep.py").write_text(FILES["model/deep.py"].replace("..errors", "..faults"))
    assert len({before, changed, asked(library)[-1]}) == 3


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"mmm_core\.no_such_module: no such module of mmm_core"):
        source.source_hash(["mmm_core.no_such_module"])
