"""Where Meridian is looked for, and what is said where it is not there."""

import re

import pytest

from mmm_core.errors import InputError
from mmm_core.inference.engines.meridian import environment
from mmm_core.inference.fit import fit
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table


def environment_of(folder, version):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / "lib" / "python3.11" / "site-packages" / f"google_meridian-{version}.dist-info").mkdir(
        parents=True
    )


def test_the_lock_holds_the_version_that_the_engine_is_written_for():
    lock = environment.LOCK.read_text()
    assert re.findall(r"^google-meridian(?:\[[a-z]+\])?==(\S+)", lock, re.M) == [environment.VERSION]
    stated = environment.LOCK.with_suffix(".in").read_text()
    assert f"google-meridian[jax]=={environment.VERSION}" in stated


def test_without_an_environment_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path / "none"))
    spec = parse_spec({**SPEC, "fit": {"engine": "meridian"}})
    with pytest.raises(InputError, match=r"none at .*none: run `mmm engine meridian`") as error:
        fit(weekly_table(60), spec)
    assert environment.VARIABLE in str(error.value)
    assert not environment.is_available()


def test_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    environment_of(tmp_path, "1.9.9")
    with pytest.raises(InputError, match=rf"written for Meridian {environment.VERSION}; .* holds 1.9.9"):
        environment.python()
    assert not environment.is_available()


def test_the_setting_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    environment_of(tmp_path, environment.VERSION)
    assert environment.python() == tmp_path / "bin" / "python"
    monkeypatch.delenv(environment.VARIABLE)
    monkeypatch.setattr(environment.sys, "prefix", str(tmp_path / "venv"))
    assert environment.folder() == tmp_path / "venv" / "share" / "carryover" / "meridian"


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_failed_installation_says_what_the_installer_said(installer, tmp_path, monkeypatch):
    if installer == "pip":
        monkeypatch.setattr(environment.shutil, "which", lambda name, path: None)
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path / "new"))
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"no-such-package-of-anybody @ file://{tmp_path}/nowhere.whl --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(environment, "LOCK", lock)
    told = []
    with pytest.raises(InputError, match="nowhere"):
        environment.set_up(told.append)
    assert told[0].startswith("Installing Meridian")
    assert not (tmp_path / "new" / "carryover.lock").exists()


def test_an_environment_that_is_in_line_is_left_alone(tmp_path, monkeypatch):
    import hashlib

    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    environment_of(tmp_path, environment.VERSION)
    (tmp_path / "carryover.lock").write_text(hashlib.sha256(environment.LOCK.read_bytes()).hexdigest())
    monkeypatch.setattr(environment.subprocess, "run", None)  # anything started would fail
    told = []
    assert environment.set_up(told.append) == tmp_path
    assert told == [f"Meridian {environment.VERSION} is in {tmp_path}."]
