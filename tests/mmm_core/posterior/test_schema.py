"""The posterior's file: other formats and specifications are named with it, and extension modules lie beside it."""

import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import yaml

from mmm_core.data.table import check_table, fingerprint
from mmm_core.errors import InputError, SpecError
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.integrity import DIGEST
from mmm_core.posterior.schema import (
    FORMAT,
    load_posterior,
    save_posterior,
    spec_of,
)
from mmm_core.spec.model_spec import parse_spec
from mmm_core.transforms.adstock import ADSTOCKS
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.waiting import HANGS

SHAPES = """
from helper_of_a_file import falls
from mmm_core import ADSTOCKS, parameter


@ADSTOCKS.register("of_a_file", span=parameter("weeks until nothing is left", uniform=[1, 8]))
def of_a_file(lags, span):
    return falls(lags, span)
"""


@pytest.fixture
def file(tmp_path):
    return save_posterior(posterior(), tmp_path / "posterior.nc")


def changed(file, **attrs):
    """The file as another release would write it: other root attributes, None for one that it has not."""
    with h5py.File(file, "a") as opened:
        del opened.attrs[DIGEST]
        for name, value in attrs.items():
            if name in opened.attrs:
                del opened.attrs[name]
            if value is not None:
                opened.attrs[name] = value
    return file


def refusal(file):
    with pytest.raises(InputError) as error:
        load_posterior(file)
    assert not isinstance(error.value, SpecError)  # which says that a user's YAML is at fault
    return str(error.value)


def test_a_file_of_the_first_formats_is_named(file):
    """Such files say `engine_version`, and know neither their table nor their source."""
    said = refusal(changed(file, format=None, table=None, source=None, engine_version=1))
    assert re.fullmatch(
        rf"{file} was written by carryover 0\.1\.0, in format 1; this is carryover 0\.1\.0, which reads format "
        rf"{FORMAT}: fit again",
        said,
    )


def test_a_file_of_a_newer_format_is_named_before_anything_of_it_is_read(file):
    spec = {**yaml.safe_load(h5py.File(file).attrs["spec"]), "pacing": "even"}
    said = refusal(changed(file, format=FORMAT + 1, spec=yaml.safe_dump(spec)))
    assert said.startswith(f"{file} was written by carryover 0.1.0, source ")
    assert f"in format {FORMAT + 1}; this is carryover 0.1.0, which reads format {FORMAT}" in said
    assert said.endswith("fit again, or read it with the version that wrote it")


def test_an_unknown_key_inside_a_file_is_no_fault_of_the_users_yaml(file):
    spec = yaml.safe_load(h5py.File(file).attrs["spec"])
    spec["budget"]["pacing"] = "even"
    changed(file, spec=yaml.safe_dump(spec), versions='{"carryover": "0.9.0"}', source="fedcba9876543210")
    first, *rest = refusal(file).splitlines()
    assert first.startswith(
        f"{file} was written by carryover 0.9.0, source fedcba9876543210; this is carryover 0.1.0"
    )
    assert first.endswith(
        "refuses the specification in it: fit again, or read it with the version that wrote it"
    )
    assert any("budget.pacing: unknown key 'pacing'" in line for line in rest)


def test_text_that_is_no_specification_is_named_with_the_file(file):
    assert refusal(changed(file, spec="a: [")).startswith(f"{file} was written by carryover 0.1.0")


@pytest.fixture
def own_shape(tmp_path):
    """A specification with an extension module that imports another, in a folder of its own."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "shapes_of_a_file.py").write_text(SHAPES)
    (models / "helper_of_a_file.py").write_text("def falls(lags, span):\n    return 1 - lags / span\n")
    channels = {"tv": {"spend": "tv_spend", "adstock": {"kind": "of_a_file", "l_max": 4}}}
    yield parse_spec(
        {**SPEC, "extensions": ["shapes_of_a_file"], "media": {"channels": channels}}, folders=[models]
    )
    for name in ("shapes_of_a_file", "helper_of_a_file"):
        sys.modules.pop(name, None)
    ADSTOCKS.pop("of_a_file", None)


READ = """
import sys
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.integrity import DIGEST
from mmm_core.posterior.schema import load_posterior
print(load_posterior(sys.argv[1]).attrs["model"], sys.modules["helper_of_a_file"].__file__)
"""


@pytest.mark.slow
def test_a_posterior_is_read_with_the_modules_it_was_fitted_with(own_shape, tmp_path):
    """In a process of its own, in another folder, after the module beside the YAML changed."""
    path = save_posterior(posterior(own_shape), tmp_path / "out" / "posterior.nc")
    (tmp_path / "models" / "shapes_of_a_file.py").write_text("raise RuntimeError('edited')")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=HANGS)
    assert done.stdout.split() == [
        "small",
        str(tmp_path / "out" / "posterior.extensions" / "helper_of_a_file.py"),
    ]

    (tmp_path / "out" / "posterior.extensions").rename(tmp_path / "lost")
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=HANGS)
    assert "put the file it was fitted with into" in done.stderr
    assert str(tmp_path / "out" / "posterior.extensions") in done.stderr


def test_modules_of_an_earlier_fit_do_not_stay(own_shape, tmp_path):
    path = save_posterior(posterior(own_shape), tmp_path / "posterior.nc")
    kept = tmp_path / "posterior.extensions"
    assert sorted(file.name for file in kept.iterdir()) == ["helper_of_a_file.py", "shapes_of_a_file.py"]
    save_posterior(posterior(), path)
    assert not kept.exists()


@pytest.mark.parametrize("holdout_weeks", [0, 8])
def test_a_posterior_knows_the_table_it_was_fitted_on(holdout_weeks):
    table = weekly_table()
    tree = posterior(holdout_weeks=holdout_weeks)
    assert tree.attrs["table"] == fingerprint(check_table(table, spec_of(tree)))
    other = table.copy()
    other.loc[3, "revenue"] = np.nextafter(other.loc[3, "revenue"], 0)
    found = fingerprint(check_table(other, spec_of(tree)))
    with pytest.raises(InputError) as error:
        Posterior.of(tree).refuse_another_table(found, "weekly.csv", "out/posterior.nc")
    assert str(error.value) == (
        f"weekly.csv is not the table that out/posterior.nc was fitted on (fingerprint {found}, not "
        f"{tree.attrs['table']}, whose weeks are 2024-01-01 to 2025-03-17): name that table, or fit again on this one"
    )
