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
    (tmp_path / "price.yaml").write_text(
        yaml.safe_dump({**plain, "kpi": {"column": "price"}, "controls": []})
    )
    models = [tmp_path / f"{name}.yaml" for name in ("plain", "twin", "broken", "price")]
    table = ("--table", folder / "weekly.csv")
    said = mmm("select", *table, "--models", *models, *QUICK, "--json", "--out", tmp_path / "best.yaml")
    assert said.returncode == 1, said.stderr  # two of those named were not judged
    last = [line for line in said.stderr.splitlines() if line.startswith("Not judged: ")]
    assert last[0].startswith(
        f"Not judged: {tmp_path / 'price.yaml'}: models price, and plain revenue: scores of two"
    )
    assert last[1].startswith(f"Not judged: {tmp_path / 'broken.yaml'}: ")
    found = json.loads(said.stdout)
    assert found["recommended"] == "plain"
    assert [row["verdict"] for row in found["models"][:2]] == ["best", "may be chance"]
    assert "did you mean 'column'" in found["models"][3]["reason"]
    best = (tmp_path / "best.yaml").read_text()
    assert best.startswith("# Chosen by `mmm select`: plain, ")
    assert best.endswith((tmp_path / "plain.yaml").read_text())
    assert load_spec(tmp_path / "best.yaml") == load_spec(tmp_path / "plain.yaml")
    assert "specification 1 of about 3 (plain), origin 2 of 2" in said.stderr
    assert "specification 3 of about 3" not in said.stderr  # no fit for a KPI that cannot be compared


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


def test_what_cannot_be_judged_as_asked_is_refused_before_any_fit(folder):
    one = ("--table", folder / "weekly.csv", "--models", folder / "small.yaml")
    absent = mmm("select", *one, folder / "no.yaml", "neither.yaml", columns="400")
    assert absent.returncode == 2
    assert f"{folder / 'no.yaml'}, neither.yaml: no such file: correct the name" in absent.stderr
    unknown = mmm("select", *one, "--ladder", "--country", "XX")
    assert unknown.returncode == 2
    assert "country: unknown 'XX': write its ISO code" in unknown.stderr
    unused = mmm("select", *one, "--country", "US")
    assert (unused.returncode, "--country US goes with --ladder" in unused.stderr) == (2, True)
    for refused in (absent, unknown, unused):
        assert "specification 1" not in refused.stderr
