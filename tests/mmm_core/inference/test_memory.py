"""Memory before a fit: limits read from a made-up system, an estimate that grows with what it holds, a real peak."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.inference import memory
from mmm_core.inference.available import available_memory
from mmm_core.inference.fit import fit
from mmm_core.inference.memory import MIB, check_memory, estimate_memory
from mmm_core.model.model import LikelihoodTerm
from mmm_core.model.prepare import prepare
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


def prepared(spec, table):
    parsed = parse_spec(spec)
    return prepare(model_data(table, parsed), parsed)


def test_lagged_media_without_room_are_refused_before_they_are_built(monkeypatch):
    def unexpected(*_):
        raise AssertionError("the lagged media were built")

    weeks, lags = 60, 4
    spec = parse_spec(SPEC)
    channels = len(spec.channels)
    table = weekly_table(weeks)
    data = model_data(table, spec)
    lagged = 8 * (lags + 1) * channels * (weeks - lags)
    libraries = memory.LIBRARIES["numpyro"]
    assert spec.l_max == lags
    for there, enough in (
        (libraries + data.nbytes + lagged - 1, False),
        (libraries + data.nbytes + lagged, True),
    ):
        monkeypatch.setattr(memory, "available_memory", lambda _, size=int(there / memory.USABLE) + 1: size)
        monkeypatch.setattr("mmm_core.inference.fit.prepare", unexpected)
        with pytest.raises(
            AssertionError if enough else InputError, match=r"built|Most of it is data: a shorter"
        ):
            fit(table, spec)


def test_the_least_of_all_limits_counts(tmp_path):
    root = system(
        tmp_path, 8000 * MIB,
        box__memoryDOTmax=3000 * MIB, box__memoryDOTcurrent=1000 * MIB,
        box__app__memoryDOTmax="max", box__app__memoryDOTcurrent=500 * MIB,
    )  # fmt: skip
    assert available_memory(root) == 2000 * MIB


def test_file_pages_are_not_counted_as_used(tmp_path):
    root = system(
        tmp_path, 8000 * MIB,
        box__app__memoryDOTmax=3000 * MIB, box__app__memoryDOTcurrent=2500 * MIB,
        box__app__memoryDOTstat=f"anon 5\ninactive_file {2000 * MIB}\n",
    )  # fmt: skip
    assert available_memory(root) == 2500 * MIB


def test_control_groups_of_version_1(tmp_path):
    root = system(
        tmp_path, 8000 * MIB, "5:cpu,memory:/box\n4:pids:/box",
        memory__box__memoryDOTlimit_in_bytes=700 * MIB, memory__box__memoryDOTusage_in_bytes=100 * MIB,
        memory__memoryDOTlimit_in_bytes=2**63 - 4096,
    )  # fmt: skip
    assert available_memory(root) == 600 * MIB


def test_without_control_groups_or_without_anything(tmp_path):
    assert available_memory(system(tmp_path / "a", 8000 * MIB)) == 8000 * MIB
    (tmp_path / "b").mkdir()
    assert available_memory(tmp_path / "b") is None


def test_a_fit_that_does_not_fit_is_refused_with_part_and_remedy(tmp_path):
    model = prepared({**SPEC, "fit": {"draws": 100_000}}, weekly_table(104))
    root = system(tmp_path, 2000 * MIB)
    with pytest.raises(InputError, match=r"Most of it is analysis: ask for fewer draws a chain") as refused:
        check_memory(model, None, root)
    (fitting,) = re.findall(r"\. ([\d,]+) draws a chain would fit$", str(refused.value))
    draws = int(fitting.replace(",", ""))
    check_memory(model, draws, root)
    with pytest.raises(InputError):
        check_memory(model, int(1.1 * draws), root)
    estimate = check_memory(model, 500, root)  # few enough
    assert estimate.available == 2000 * MIB
    assert "available 2.0 GiB" in estimate.words


def test_a_panel_is_told_to_pool(tmp_path):
    geos = tuple(f"g{i:02}" for i in range(90))
    table, chains = weekly_table(150, geos=geos), {"chains": 64, "draws": 100}
    model = prepared(panel_spec(fit=chains), table)
    estimate = estimate_memory(model, root=system(tmp_path, 900 * MIB))
    assert not estimate.is_available
    with pytest.raises(InputError, match="pooling: complete"):
        check_memory(model, None, tmp_path)
    complete = prepared(panel_spec(fit=chains, geo={"column": "geo", "pooling": "complete"}), table)
    assert estimate_memory(complete).parts["gradients"] < 0.7 * estimate.parts["gradients"]


def test_the_estimate_grows_with_what_it_holds():
    model = prepared(SPEC, weekly_table(104))
    few, many = estimate_memory(model, 1000), estimate_memory(model, 2000)
    assert many.parts["posterior variables"] == 2 * few.parts["posterior variables"]
    assert many.parts["data"] == few.parts["data"]
    single = prepared({**SPEC, "fit": {**SPEC["fit"], "precision": "float32"}}, weekly_table(104))
    assert estimate_memory(single).parts["gradients"] == few.parts["gradients"] // 2


def test_the_sizes_are_those_of_the_program_itself():
    """A part that a specification adds is counted without being named: a weight for every week of heavy tails."""
    table = weekly_table(104)
    plain, heavy = prepared(SPEC, table), prepared({**SPEC, "likelihood": "student_t"}, table)
    few, many = estimate_memory(plain, 1000), estimate_memory(heavy, 1000)
    draws = 2 * 1000
    assert (
        many.parts["kept draws"] - few.parts["kept draws"] == 8 * 4 * draws * 100
    )  # weeks after the history
    assert many.parts["gradients"] > 2 * few.parts["gradients"]
    assert many.parts["posterior variables"] - few.parts["posterior variables"] == 8 * 2 * draws * 1  # nu
    term = LikelihoodTerm("large", lambda effects, arrays, numbers: numbers.sum(), np.ones(10**6))
    with_term = prepare(plain.data, plain.spec, [term])
    assert estimate_memory(with_term, 1000).parts["data"] - few.parts["data"] == 8 * 10**6 * 3


STARTS_NOTHING = """
import jax
from mmm_core.data.arrays import model_data
from mmm_core.inference.memory import estimate_memory
from mmm_core.model.prepare import prepare
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table
spec = parse_spec(SPEC)
estimate_memory(prepare(model_data(weekly_table(60), spec), spec))
jax.config.update("jax_num_cpu_devices", 3)
print(jax.device_count())
"""


def test_the_estimate_starts_no_device():
    """JAX fixes the number of its devices when it first computes: the fit that follows wants one a chain."""
    done = subprocess.run(
        [sys.executable, "-c", STARTS_NOTHING],
        env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3"


PROGRAM = """
import json, sys
from mmm_core.data.arrays import model_data
from mmm_core.inference.fit import fit
from mmm_core.inference.memory import estimate_memory
from mmm_core.model.prepare import prepare
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
print(estimate_memory(prepare(model_data(table, spec), spec)).total, 1024 * int(peak.split()[1]))
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
def test_the_estimate_is_within_a_factor_of_two_of_a_real_peak(spec, weeks, geos, tmp_path):
    """Of a first fit, by the flags that people have: the compiler at work is half of the peak of a small one."""
    import json

    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(spec), str(weeks), geos],
        env={**environment, "MMM_COMPILATION_CACHE": str(tmp_path)},
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    estimate, peak = map(int, done.stdout.split())
    assert 0.5 < estimate / peak < 2
