"""What every command says beside its figures: progress, memory, doubts about a posterior."""

import io
import shutil

import h5py
import pandas as pd
import pytest
from rich.console import Console

from mmm_core.cli import terminal
from mmm_core.inference.hmc.state import Progress
from mmm_core.posterior.integrity import DIGEST
from mmm_core.posterior.schema import save_posterior
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import posterior


def test_what_a_sampler_says_is_shown_as_far_as_it_knows():
    assert terminal.note_of(Progress("compiling", 0, 10, 0, 0.1)) == "compiling"
    said = terminal.note_of(Progress("sampling", 5, 10, 2, 1.0, step_size=0.41, acceptance=0.9, rhat=1.004))
    assert said == "sampling, step 0.41, acceptance 90%, R-hat 1.004, 2 divergences"


def test_a_log_gets_the_memory_once_and_a_line_a_quarter(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=log, width=40))
    with terminal.sampling("Fitting small") as report:
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("compiling", 0, 400, 0, 0.0))
        report(Progress("preparing", 0, 0, 0, 0.0, message="going on from the checkpoint at iteration 100"))
        for done in range(150, 401, 50):
            report(Progress("sampling", done, 400, 0, 1.0, rhat=1.004))
    assert log.getvalue().splitlines() == [
        "Memory: about 1 GiB at the peak",
        "Fitting small: compiling",
        "Going on from the checkpoint at iteration 100",
        *(f"Fitting small: {n} of 400, sampling, R-hat 1.004" for n in (150, 200, 300, 400)),
    ]


def test_on_a_terminal_the_memory_stays_above_the_bar(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        terminal, "err", Console(file=screen, force_terminal=True, width=100, highlight=False)
    )
    with terminal.sampling("Fitting small") as report:
        report(Progress("preparing", 0, 0, 0, 0.0, message="memory: about 1 GiB at the peak"))
        report(Progress("sampling", 50, 400, 0, 1.0))
    assert "Memory: about 1 GiB at the peak\n" in screen.getvalue().replace("\r", "")
    assert "of 400" not in screen.getvalue()  # that is what the bar is for


def test_an_approximate_posterior_is_labelled_wherever_it_appears(folder, tmp_path):
    tree = posterior(draws=20)
    tree.attrs.update(engine="laplace", approximate="normal approximation at the mode")
    save_posterior(tree, tmp_path / "quick.nc")
    for command in ("curves", "sensitivity", "identify", "allocate"):
        said = mmm(command, "--posterior", tmp_path / "quick.nc", "--out", tmp_path)
        assert said.returncode == 0, said.stderr
        assert "approximate: normal approximation at the mode" in said.stdout, command
    assert "approximate" in mmm("loo", "--posterior", tmp_path / "quick.nc", "--out", tmp_path).stdout
    for file in ("response_curves", "sensitivity", "identifiability", "budget_allocation", "loo"):
        column = pd.read_csv(tmp_path / f"{file}.csv")["approximate"]
        assert set(column) == {"approximate: normal approximation at the mode"}, file
    reviewed = mmm("review", "--posterior", tmp_path / "quick.nc", "--no-holdout")
    assert reviewed.returncode == 1
    assert "not fit for use: exact" in reviewed.stdout


def test_chains_that_did_not_converge_are_named_wherever_their_figures_appear(folder, tmp_path):
    tree = posterior(draws=600)
    save_posterior(tree, tmp_path / "good.nc")
    assert "not converged" not in mmm("curves", "--posterior", tmp_path / "good.nc").stdout
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(roi=group["roi"] + group["chain"] + 0.1 * group["sigma"])
    save_posterior(tree, tmp_path / "apart.nc")
    for command in ("curves", "sensitivity", "identify", "allocate"):
        said = mmm(command, "--posterior", tmp_path / "apart.nc", "--out", tmp_path)
        assert said.returncode == 0, said.stderr
        assert "not converged: R-hat " in said.stdout, command
        assert "do not use these figures; raise `fit: draws` and `target_accept`\n" in said.stdout
    assert "R-hat" in read_json(tmp_path / "budget_allocation.json")["not_converged"]


def test_figures_of_a_posterior_that_other_source_fitted_come_with_a_remark(folder, tmp_path):
    shutil.copyfile(folder / "posterior.nc", tmp_path / "earlier.nc")
    with h5py.File(tmp_path / "earlier.nc", "a") as file:
        del file.attrs[DIGEST]
        file.attrs["source"] = "0123456789abcdef"
    said = mmm("curves", "--posterior", tmp_path / "earlier.nc")
    assert said.returncode == 0
    assert f"{tmp_path / 'earlier.nc'} was written by carryover 0.1.0, source 0123456789abcdef" in said.stderr
    assert said.stdout == mmm("curves", "--posterior", folder / "posterior.nc").stdout


@pytest.mark.parametrize(
    ("command", "out", "says"),
    [
        (["compare", "--model", "no.yaml", "--table", "no.csv"], "file", "file is a file: name a folder"),
        (["select", "--models", "no.yaml", "--table", "no.csv"], "folder", "folder is a folder: name a file"),
        (["select", "--models", "no.yaml", "--table", "no.csv"], "file/m.yaml", "m.yaml cannot be written"),
        (["fit", "--model", "no.yaml", "--table", "no.csv"], "file/deep/out", "out cannot be written"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_any_work(tmp_path, command, out, says):
    """Before the other files are looked for, even."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for name in ("no.yaml", "no.csv"):
        (tmp_path / name).touch()
    done = mmm(*command, "--out", out, cwd=tmp_path, columns="400")
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.split())


@pytest.mark.parametrize("checkpoint", ["file/state", "/proc/version", "/proc/none/state", "folder"])
def test_a_checkpoint_that_cannot_be_kept_is_refused_before_the_fit(tmp_path, checkpoint):
    """A file that is there is no better than none: the next state is written beside it and renamed."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    fit = ("fit", "--model", "no.yaml", "--table", "no.csv", "--out", "out")
    done = mmm(*fit, "--checkpoint", checkpoint, cwd=tmp_path, columns="400")
    assert done.returncode == 2, done.stderr
    why = "is a folder: name a file" if checkpoint == "folder" else f"{checkpoint} cannot be written: "
    assert why in " ".join(done.stderr.split())


def test_a_check_of_where_to_write_leaves_nothing_there(tmp_path):
    assert terminal.can_be_written(tmp_path / "new" / "m.yaml") == tmp_path / "new" / "m.yaml"
    assert list(tmp_path.iterdir()) == []
