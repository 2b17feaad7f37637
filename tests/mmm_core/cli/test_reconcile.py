"""`mmm reconcile` and `mmm attribution`: model, tests and claims from files, side by side."""

from datetime import date

import pandas as pd
import pytest
import yaml

from mmm_core.posterior.schema import save_posterior
from mmm_core.reconciliation.claims import template
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.posteriors import posterior
from tests.mmm_core.readout.panels import outcomes, table, treat
from tests.mmm_core.reconciliation.worlds import SPEC, claims, lift_test, lifts
from tests.mmm_core.reconciliation.worlds import table as weekly

FILES = ("reconciliation.csv", "reconciliation_sources.csv", "reconciliation_pairs.csv",
         "reconciliation_left_out.csv", "reconciliation.png")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A posterior, its YAML with approvals, two tests of which one is far out, and claims."""
    root = tmp_path_factory.mktemp("reconcile")
    spec = {
        **SPEC,
        "calibration": {"approvals": "approvals.csv"},
        "reconciliation": {"weeks": 52, "weights": {"model": 1, "tests": 1}},
    }
    tree = posterior(parse_spec(spec), weekly(), draws=200, chains=2, seed=1)
    save_posterior(tree, root / "posterior.nc")
    (root / "model.yaml").write_text(yaml.safe_dump(spec))
    (root / "approvals.csv").write_text("test_id,by,on\ntv,team:a,2024-08-05\nsearch,team:a,2024-08-05\n")
    rows = []
    for name, times, month in (("tv", 1.0, 4), ("search", 10.0, 7), ("video", 1.0, 9)):
        test = lift_test(name, 1.0, 1.0, channels=(name,), start=date(2024, month, 1 if month < 9 else 2))
        expected = float(lifts(tree, test).mean())
        rows.append(
            {
                "test_id": name, "market": "us", "channels": name, "start_date": test.test.start,
                "end_date": test.test.end, "design": "conversion_lift", "incremental_outcome": times * expected,
                "standard_error": 0.1 * expected, "spend_with": test.test.spend[name].actual, "spend_without": 0,
            }
        )  # fmt: skip
    pd.DataFrame(rows).to_csv(root / "tests.csv", index=False)
    claimed = pd.concat([claims({"tv": 2.0, "video": 3.0}), claims({"email": 9.0}, platform="ga4")])
    claimed.to_csv(root / "claims.csv", index=False)
    return root


def reconcile(folder, *more):
    return mmm("reconcile", "--posterior", folder / "posterior.nc", *more, columns="240")


def test_three_sources_are_compared_and_kept(folder, tmp_path):
    said = reconcile(
        folder, "--model", folder / "model.yaml", "--lift-tests", folder / "tests.csv", "--attribution",
        folder / "claims.csv", "--out", tmp_path,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert (
        "compared: revenue per unit of spend, 2024-03-25 to 2025-03-17 (52 weeks): sources disagree on search"
        in (said.stdout)
    )
    assert "search: sources disagree: model and search (p" in said.stdout
    assert (
        "claimed for email by ga4: 549, not compared: no paid channel of the model has its name"
        in said.stdout
    )
    assert "video, needs review, is not compared: nobody has approved it" in said.stdout
    kept = {name: pd.read_csv(tmp_path / name) for name in FILES if name.endswith(".csv")}
    rows = kept["reconciliation.csv"].set_index("channel")
    assert rows["sources_disagree"].to_dict() == {"tv": False, "search": True, "video": False}
    assert rows["new_tests"].to_dict() == {"tv": 1, "search": 1, "video": 0}
    assert rows.loc["tv", ["weight_model", "weight_tests", "weight_attribution"]].tolist() == [0.5, 0.5, 0.0]
    assert rows["claimed_roi"].round(6).dropna().to_dict() == {"tv": 2.0, "video": 3.0}
    assert kept["reconciliation_pairs.csv"]["disagree"].sum() == 1
    assert kept["reconciliation_left_out.csv"]["channel"].tolist() == ["email"]
    assert (tmp_path / "reconciliation.png").read_bytes()[:4] == b"\x89PNG"


def test_with_nothing_to_compare_it_says_what_to_name(folder):
    said = reconcile(folder)
    assert said.returncode == 0, said.stderr
    assert (
        "claimed" not in said.stdout.split("nothing is compared")[0]
    )  # columns of sources that there are not
    assert "tests" not in said.stdout.split("nothing is compared")[0]
    assert "nothing is compared: name tests with --lift-tests or claims with --attribution" in said.stdout


def test_tests_beside_a_model_that_is_not_named_say_which_approvals_were_not_read(folder):
    said = reconcile(folder, "--lift-tests", folder / "tests.csv")
    assert said.returncode == 0, said.stderr
    assert "tv, needs review, is not compared: nobody has approved it" in said.stdout
    assert "approvals of approvals.csv were not read: name the model's YAML" in said.stdout


def test_a_geo_experiment_beside_the_model_is_compared(folder, tmp_path):
    panel = table(treat(outcomes(), [0, 1], 40.0))
    panel.to_csv(tmp_path / "sales.csv", index=False)
    calibration = {"experiments": "experiments.yaml", "approvals": "approvals.csv"}
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({**SPEC, "calibration": calibration}))
    (tmp_path / "approvals.csv").write_text("test_id,by,on\ntv-two-geos,team:a,2024-08-05\n")
    entry = {
        "test_id": "tv-two-geos", "panel": "sales.csv", "treated": ["g00", "g01"], "start": "2024-03-01",
        "end": "2024-03-15", "spend": {"tv": [200, 0]}, "population_share": 0.2,
    }  # fmt: skip
    (tmp_path / "experiments.yaml").write_text(yaml.safe_dump([entry]))
    said = reconcile(folder, "--model", tmp_path / "model.yaml", "--out", tmp_path / "out")
    assert said.returncode == 0, said.stderr
    rows = pd.read_csv(tmp_path / "out" / "reconciliation.csv").set_index("channel")
    assert rows["new_tests"].to_dict() == {"tv": 1, "search": 0, "video": 0}


def test_the_yaml_of_another_model_is_refused(folder, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({**SPEC, "model": "another"}))
    said = reconcile(folder, "--model", other)
    assert said.returncode == 2
    assert "is of another, the posterior of compared" in said.stderr


def test_the_geo_experiments_that_the_yaml_names_are_read_too(folder):
    named = folder / "named.yaml"
    named.write_text(yaml.safe_dump({**SPEC, "calibration": {"experiments": "none.yaml"}}))
    said = reconcile(folder, "--model", named)
    assert said.returncode == 2
    assert "none.yaml is not there: put the file beside the model's YAML" in said.stderr


def test_a_file_of_claims_to_fill_in(tmp_path):
    said = mmm("attribution", "--out", tmp_path / "claims.csv")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "claims.csv").read_text() == template()
