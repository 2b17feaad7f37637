"""The models' folder: what is a partition, what is passed over, and what is wrong with one is a refusal of that one."""

import pytest
import yaml

from assets import models
from assets.raw.sources import sources
from mmm_core.errors import SpecError
from tests.mmm_core.posteriors import SPEC


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path))
    return tmp_path


def test_files_that_look_like_a_model_and_are_none_are_named(folder):
    for name in ("sound.yaml", "old.yml", "odd name.yaml", "LOUD.YAML", "notes.txt"):
        (folder / name).write_text("model: x\n")
    assert models.model_names() == ["sound"]
    assert models.files_passed_over() == ["LOUD.YAML", "odd name.yaml", "old.yml"]


def test_lists_beside_a_model_are_parts_of_it_and_no_models(folder):
    for name in ("us.yaml", "us.tests.yaml", "us.experiments.yaml", "uk.tests.yaml", "us.v2.yaml"):
        (folder / name).write_text("model: x\n")
    assert models.model_names() == ["uk.tests", "us", "us.v2"]
    assert models.files_passed_over() == []


def test_whatever_goes_wrong_in_reading_a_model_is_a_refusal_of_it(folder, monkeypatch):
    (folder / "sound.yaml").write_text("model: [broken")
    with pytest.raises(SpecError, match=r"sound\.yaml: not valid YAML"):
        models.load_model("sound")
    (folder / "other").mkdir()

    def fails(path):
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("mmm_core.spec.model_spec.load_spec", fails)
    with pytest.raises(SpecError, match=r"sound\.yaml: cannot be read: RecursionError: maximum recursion"):
        models.load_model("sound")


def write(folder, model, table, currency=None):
    rule = {"calibration": {"rule": {"currency": currency}}} if currency else {}
    (folder / f"{model}.yaml").write_text(yaml.safe_dump({**SPEC, "model": model, "table": table, **rule}))


def test_a_model_on_a_mart_has_the_currency_of_the_marts(folder, monkeypatch):
    chosen = folder / "sources" / "sources.yaml"
    chosen.parent.mkdir()
    chosen.write_text("currency: EUR\nsources: {tv: landing}\n")
    monkeypatch.setenv("MMM_SOURCES", str(chosen))
    monkeypatch.setattr("assets.raw.sources.sources", sources.__wrapped__)  # it is read once a process
    write(folder, "euros", "mmm_model_table", "EUR")
    write(folder, "own", "weekly_tables/own", "GBP")
    assert models.load_model("euros").calibration.rule.currency == "EUR"
    assert models.load_model("own").calibration.rule.currency == "GBP"
    for stated in (None, "GBP"):  # nothing stated is US dollars
        write(folder, "us", "mmm_model_table", stated)
        with pytest.raises(SpecError) as refusal:
            models.load_model("us")
        assert str(refusal.value) == (
            f"{folder}/us.yaml: calibration.rule.currency is {stated or 'USD'}, and amounts of its table, mart "
            f"mmm_model_table, are in EUR (`currency` of {chosen}): write `calibration: {{rule: {{currency: EUR}}}}`, "
            "and state the model's amounts in EUR"
        )
