"""Memory before a fit: limits read from a made-up system, a plan that grows with what it holds, a real peak."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.inference.memory import MIB, available, check_memory, plan
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table


def system(root, meminfo=None, membership="0::/box/app", **files):
    """A /proc and /sys with these limits; a file's name is written with _ for / below sys/fs/cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership + "\n")
    if meminfo is not None:
        (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {meminfo // 1024} kB\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return root


def of(spec, table):
    parsed = parse_spec(spec)
    return model_data(table, parsed), parsed


def test_the_least_of_all_limits_counts(tmp_path):
    root = system(
        tmp_path, 8000 * MIB,
        box__memoryDOTmax=3000 * MIB, box__memoryDOTcurrent=1000 * MIB,
        box__app__memoryDOTmax="max", box__app__memoryDOTcurrent=500 * MIB,
    )  # fmt: skip
    assert available(root) == 2000 * MIB


def test_file_pages_are_not_counted_as_used(tmp_path):
    root = system(
        tmp_path, 8000 * MIB,
        box__app__memoryDOTmax=3000 * MIB, box__app__memoryDOTcurrent=2500 * MIB,
        box__app__memoryDOTstat=f"anon 5\ninactive_file {2000 * MIB}\n",
    )  # fmt: skip
    assert available(root) == 2500 * MIB


def test_control_groups_of_version_1(tmp_path):
    root = system(
        tmp_path, 8000 * MIB, "5:cpu,memory:/box\n4:pids:/box",
        memory__box__memoryDOTlimit_in_bytes=700 * MIB, memory__box__memoryDOTusage_in_bytes=100 * MIB,
        memory__memoryDOTlimit_in_bytes=2**63 - 4096,
    )  # fmt: skip
    assert available(root) == 600 * MIB


def test_without_control_groups_or_without_anything(tmp_path):
    assert available(system(tmp_path / "a", 8000 * MIB)) == 8000 * MIB
    (tmp_path / "b").mkdir()
    assert available(tmp_path / "b") is None


def test_a_fit_that_does_not_fit_is_refused_with_part_and_remedy(tmp_path):
    data, spec = of({**SPEC, "fit": {"draws": 200_000}}, weekly_table(104))
    root = system(tmp_path, 2000 * MIB)
    with pytest.raises(InputError, match=r"Most of it is analysis: ask for fewer than 200000 draws"):
        check_memory(data, spec, None, root)
    planned = check_memory(data, spec, 500, root)  # few enough
    assert planned.available == 2000 * MIB
    assert "available 2.0 GiB" in planned.words


def test_a_panel_is_told_to_pool(tmp_path):
    geos = tuple(f"g{i:02}" for i in range(30))
    data, spec = of(panel_spec(fit={"chains": 64, "draws": 100}), weekly_table(150, geos=geos))
    planned = plan(data, spec, root=system(tmp_path, 900 * MIB))
    assert not planned.fits
    with pytest.raises(InputError, match="pooling: complete"):
        check_memory(data, spec, None, tmp_path)
    complete = parse_spec(
        panel_spec(fit={"chains": 64, "draws": 100}, geo={"column": "geo", "pooling": "complete"})
    )
    assert plan(data, complete).parts["gradients"] < 0.7 * planned.parts["gradients"]


def test_the_plan_grows_with_what_it_holds():
    data, spec = of(SPEC, weekly_table(104))
    few, many = plan(data, spec, 1000), plan(data, spec, 2000)
    assert many.parts["posterior variables"] == 2 * few.parts["posterior variables"]
    assert many.parts["data"] == few.parts["data"]
    single = parse_spec({**SPEC, "fit": {**SPEC["fit"], "precision": "float32"}})
    assert plan(data, single).parts["gradients"] * 2 == plan(data, spec).parts["gradients"]


PROGRAM = """
import json, sys
from mmm_core.data.arrays import model_data
from mmm_core.inference.fit import fit
from mmm_core.inference.memory import plan
from mmm_core.effects.roi import roi_table
from mmm_core.effects.contributions import contributions
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import weekly_table
spec = parse_spec(json.loads(sys.argv[1]))
table = weekly_table(int(sys.argv[2]), geos=tuple(sys.argv[3].split(",")))
tree = fit(table, spec)
roi_table(tree), contributions(tree)
# not ru_maxrss, which a process inherits from the one that started it
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(plan(model_data(table, spec), spec).total, 1024 * int(peak.split()[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "weeks", "geos"),
    [
        ({**SPEC, "fit": {"engine": "ridge", "draws": 1000}}, 150, "all"),
        ({**SPEC, "fit": {"engine": "laplace", "chains": 4, "draws": 1000}}, 150, "all"),
        (panel_spec(fit={"engine": "ridge", "draws": 500}), 120, ",".join("abcdefghijklmnop")),
    ],
)
def test_the_estimate_is_within_a_factor_of_two_of_a_real_peak(spec, weeks, geos):
    import json

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(spec), str(weeks), geos],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    estimate, peak = map(int, done.stdout.split())
    assert 0.5 < estimate / peak < 2
