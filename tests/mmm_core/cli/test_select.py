"""`mmm select` as it is run: the same result again, a YAML that is read back, and what is refused."""

import json

import pytest
import yaml

from mmm_core.spec.model_spec import load_spec
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.posteriors import SPEC

SHORT = {**SPEC, "fit": {"chains": 2, "warmup": 100, "draws": 100}}
QUICK = ("--origins", 2, "--horizon", 4, "--draws", 100)


@pytest.mark.slow
def test_specifications_are_ranked_and_the_recommended_one_is_written(folder, tmp_path):
    plain = {**SHORT, "baseline": {"seasonality": {"order": 0}}}
    (tmp_path / "plain.yaml").write_text("# without a season\n" + yaml.safe_dump(plain))
    (tmp_path / "twin.yaml").write_text(yaml.safe_dump(plain))
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump({**SHORT, "kpi": {"colum": "revenue"}}))
    models = [tmp_path / f"{name}.yaml" for name in ("plain", "twin", "broken")]
    table = ("--table", folder / "weekly.csv")
    said = mmm("select", *table, "--models", *models, *QUICK, "--json", "--out", tmp_path / "best.yaml")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["recommended"] == "plain"
    assert [row["verdict"] for row in found["models"][:2]] == ["best", "may be chance"]
    assert "did you mean 'column'" in found["models"][2]["reason"]
    best = (tmp_path / "best.yaml").read_text()
    assert best.startswith("# Chosen by `mmm select`: plain, ")
    assert best.endswith((tmp_path / "plain.yaml").read_text())
    assert load_spec(tmp_path / "best.yaml") == load_spec(tmp_path / "plain.yaml")
    assert "specification 1 of about 2 (plain), origin 2 of 2" in said.stderr


def test_what_cannot_be_chosen_from_is_refused(folder):
    table = ("--table", folder / "weekly.csv")
    none = mmm("select", *table)
    assert (none.returncode, "--models a.yaml b.yaml, or one and --ladder" in none.stderr) == (2, True)
    two = mmm("select", *table, "--ladder", "--models", folder / "small.yaml", folder / "small.yaml")
    assert two.returncode == 2
    assert "is named twice" in two.stderr
    before = [(folder / name).read_bytes() for name in ("weekly.csv", "small.yaml")]
    for name in ("weekly.csv", "small.yaml"):
        own = mmm("select", *table, "--models", folder / "small.yaml", "--out", folder / name)
        assert own.returncode == 2
        assert "is a file that this command reads: name another" in own.stderr
    assert before == [(folder / name).read_bytes() for name in ("weekly.csv", "small.yaml")]
