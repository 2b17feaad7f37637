"""A folder of results holds one model's files, and says which of them are of an earlier fit."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import typer
import yaml
from typer.testing import CliRunner

from mmm_core.cli.cli import app
from mmm_core.cli.contents import CONTENTS, Origin, keep
from mmm_core.cli.terminal import a_folder
from mmm_core.errors import InputError, OutOfSpace
from mmm_core.files import one_at_a_time, partial_name
from mmm_core.posterior.schema import save_posterior
from mmm_core.spec.model_spec import parse_spec
from tests.disks import disk
from tests.mmm_core.cli.command import read_json
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

OF_NO_MODEL = {"simulate", "lift"}
"""`simulate` replaces the world that is there; `lift` reads an experiment that is of no model."""


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "400"})


def commands_that_fill_a_folder():
    """Names of the commands whose `--out` is a folder, with their options."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        options = {option: parameter for parameter in command.params for option in parameter.opts}
        function = next(
            each.callback for each in app.registered_commands if (each.name or each.callback.__name__) == name
        )
        annotation = function.__wrapped__.__annotations__.get("out", "") if "--out" in options else ""
        if "Folder" in str(annotation) or "a_folder" in str(annotation):
            found[name] = set(options)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models with a table, a posterior each, and a folder of the first one's results."""
    root = tmp_path_factory.mktemp("contents")
    weekly_table().to_csv(root / "weekly.csv", index=False)
    for name in ("small", "other"):
        spec = {**SPEC, "model": name}
        (root / f"{name}.yaml").write_text(yaml.safe_dump(spec))
        save_posterior(posterior(parse_spec(spec), weekly_table(), draws=20), root / f"{name}.nc")
    done = run("identify", "--posterior", root / "small.nc", "--out", root / "out")
    assert done.exit_code == 0, done.output
    return root


def arguments(place, name, options):
    values = {
        "--posterior": place / f"{name}.nc",
        "--table": place / "weekly.csv",
        "--plan": place / "weekly.csv",
    }
    if "--posterior" not in options:
        values["--model"] = place / f"{name}.yaml"
    return [part for option, value in values.items() if option in options for part in (option, value)]


def test_every_command_that_fills_a_folder_is_known():
    assert {"fit", "review", "curves", "allocate", "forecast", "prior", "backtest", "placebo", "identify",
            "sensitivity", "loo", "compare", "evidence", "simulate"} <= set(commands_that_fill_a_folder())  # fmt: skip
    assert a_folder(None) is None


@pytest.mark.parametrize("command", sorted(set(commands_that_fill_a_folder()) - OF_NO_MODEL))
def test_a_folder_of_another_model_is_refused_before_any_work(place, command):
    before = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
    given = arguments(place, "other", commands_that_fill_a_folder()[command])
    done = run(command, *given, "--out", place / "out")
    assert done.exit_code == 2, done.output
    words = " ".join(done.output.split())
    assert f"--out {place / 'out'} holds files of model small (identifiability.csv)" in words
    assert f"name another, such as {place / 'out' / 'other'}, or delete those" in words
    assert {path.name: path.read_bytes() for path in (place / "out").iterdir()} == before


def test_what_is_left_of_an_earlier_fit_is_named_until_it_is_made_again_or_deleted(place, tmp_path):
    out = tmp_path / "out"
    for command in ("identify", "sensitivity"):
        assert run(command, "--posterior", place / "small.nc", "--out", out).exit_code == 0
    assert set(read_json(out / CONTENTS)["files"]) == {
        "identifiability.csv", "sensitivity.csv", "sensitivity.json"
    }  # fmt: skip
    later = weekly_table(weeks=70)
    save_posterior(posterior(table=later, draws=20), tmp_path / "later.nc")
    again = run("identify", "--posterior", tmp_path / "later.nc", "--out", out)
    assert again.exit_code == 0
    words = " ".join(again.output.split())
    assert (
        f"of small than what was just written to {out}: sensitivity.csv, sensitivity.json: make them" in words
    )
    (out / "sensitivity.csv").unlink()
    once_more = run("identify", "--posterior", tmp_path / "later.nc", "--out", out)
    assert f"{out}: sensitivity.json: make them" in " ".join(once_more.output.split())
    last = run("sensitivity", "--posterior", tmp_path / "later.nc", "--out", out)
    assert "make them again" not in last.output


def test_a_folder_whose_contents_nobody_noted_is_known_by_its_posterior(place, tmp_path):
    (tmp_path / "posterior.nc").write_bytes((place / "small.nc").read_bytes())
    done = run("identify", "--posterior", place / "other.nc", "--out", tmp_path)
    assert done.exit_code == 2
    assert "holds files of model small (posterior.nc)" in " ".join(done.output.split())
    assert run("identify", "--posterior", place / "small.nc", "--out", tmp_path).exit_code == 0
    assert set(read_json(tmp_path / CONTENTS)["files"]) == {"identifiability.csv", "posterior.nc"}


def test_without_a_folder_nothing_is_noted(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("identify", "--posterior", place / "small.nc").exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with disk(out, "64k"):
        keep(out, {"a.json": "old", "b.json": "old"}, Origin("small", "1"))
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        with pytest.raises(OutOfSpace, match=r"b\.json: could not be written: the disk is full"):
            keep(out, {"a.json": "new", "b.json": "x" * 2**17}, Origin("small", "2"))
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, text=True
    )
    left, written = (
        partial_name(tmp_path / "a.csv", ended.stdout.strip()),
        partial_name(tmp_path / "b.csv", "1"),
    )
    (tmp_path / "deeper").mkdir()
    other = partial_name(tmp_path / "deeper" / "a.csv", ended.stdout.strip())
    for path in (left, written, other):
        path.write_text("half")
    keep(tmp_path, {"a.json": 1}, Origin("small", "1"))
    assert not left.exists()
    assert written.exists()  # by a process that lives
    assert other.exists()  # nobody asked about that folder


def test_two_commands_at_once_are_both_noted_and_of_two_models_one_is_refused(tmp_path):
    """Both were let in before either had written."""
    with ThreadPoolExecutor() as pool, one_at_a_time(tmp_path):
        waiting = [
            pool.submit(keep, tmp_path, {f"{name}.json": 1}, Origin("small", name)) for name in ("a", "b")
        ]
        assert not wait(waiting, timeout=0.5).done
    assert [each.result() for each in waiting] == [None, None]
    assert read_json(tmp_path / CONTENTS)["files"] == {"a.json": "a", "b.json": "b"}
    with pytest.raises(InputError, match="holds files of model small"):
        keep(tmp_path, {"c.json": 1}, Origin("other", "1"))
    assert not (tmp_path / "c.json").exists()
