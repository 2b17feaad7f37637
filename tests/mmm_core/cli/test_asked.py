"""A YAML beside a posterior: what it may say otherwise, and that every command holds it against the posterior alike."""

import pytest
import yaml
from typer.testing import CliRunner

from mmm_core.cli.asked import currency_in_words, spec_as_asked
from mmm_core.cli.cli import app
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior

ANOTHER = {**SPEC, "controls": []}


@pytest.fixture(scope="module")
def read():
    return Posterior.of(posterior(draws=2))


def written(folder, mapping):
    path = folder / "asked.yaml"
    path.write_text(yaml.safe_dump(mapping, sort_keys=False))
    return path


@pytest.mark.parametrize(
    "more",
    [
        {"budget": {"weeks": 4, "total": 500}},
        {"scenarios": {"plans": {"bolder": {"spend": {"tv": "+10%"}}}}},
        {"margin": 0.4, "readiness": {"moved": 0.1}, "review": {"rhat": 1.05}, "owner": "team:x"},
        {"table": "weekly_tables/other"},
        {"fit": {"draws": 500, "engine": "laplace"}},  # how it is computed is no other model
    ],
)
def test_what_no_fit_reads_may_be_otherwise(read, tmp_path, more):
    path = written(tmp_path, {**SPEC, **more})
    found = spec_as_asked(path, read)
    assert found == parse_spec({**SPEC, **more})
    assert spec_as_asked(None, read) is read.spec


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (
            ANOTHER,
            r"asked.yaml is not the model that the posterior was fitted with \(controls from .*price.* to .*\)",
        ),
        ({**SPEC, "likelihood": "student_t"}, "likelihood from normal to student_t"),
        ({**SPEC, "time": {"from": "2023-06-05"}}, "time.from"),
        ({**SPEC, "model": "other"}, "asked.yaml is of other, the posterior of small: name the YAML"),
    ],
)
def test_another_model_is_refused_by_what_differs(read, tmp_path, mapping, says):
    with pytest.raises(InputError, match=says):
        spec_as_asked(written(tmp_path, mapping), read)


@pytest.mark.parametrize(
    "command", ["allocate", "readiness", "scenario", "report", "review", "experiments", "reconcile", "bvar"]
)
def test_every_command_that_takes_both_refuses_another_model(folder, tmp_path, command):
    arguments = [command, "--posterior", folder / "posterior.nc", "--model", written(tmp_path, ANOTHER)]
    if command in ("report", "bvar"):
        arguments += ["--out", tmp_path / "out"]
    if command == "bvar":
        arguments += ["--brand", folder / "weekly.csv"]
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 2, said.output
    assert "not the model that the posterior was fitted with" in " ".join(said.output.split())
    assert not (tmp_path / "out").exists()


def test_a_budget_in_money_says_by_whose_word_its_currency_is():
    plain = parse_spec(SPEC)
    assert currency_in_words(plain) == ""
    money = {**SPEC["budget"], "total": 900}
    stated = parse_spec({**SPEC, "budget": money, "calibration": {"rule": {"currency": "EUR"}}})
    assert currency_in_words(stated).startswith("amounts of the budget are taken as EUR")
    assert "nothing here can check that" in currency_in_words(stated)
