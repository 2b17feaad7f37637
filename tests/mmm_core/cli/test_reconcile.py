"""`mmm reconcile` and `mmm attribution`: model, tests and claims from files, side by side."""

from datetime import date

import pandas as pd
import pytest
import yaml

from mmm_core.posterior.schema import save_posterior
from mmm_core.reconciliation.claims import template
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.reconciliation.worlds import SPEC, claims, lift_test, lifts, made

FILES = ("reconciliation.csv", "reconciliation_sources.csv", "reconciliation_pairs.csv",
         "reconciliation_left_out.csv", "reconciliation.png")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A posterior, its YAML with approvals, two tests of which one is far out, and claims."""
    root = tmp_path_factory.mktemp("reconcile")
    tree = made()
    save_posterior(tree, root / "posterior.nc")
    spec = {
        **SPEC,
        "calibration": {"approvals": "approvals.csv"},
        "reconciliation": {"weeks": 52, "weights": {"model": 1, "tests": 1}},
    }
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
    assert "nothing is compared: name tests with --lift-tests or claims with --attribution" in said.stdout


def test_the_yaml_of_another_model_is_refused(folder, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({**SPEC, "model": "another"}))
    said = reconcile(folder, "--model", other)
    assert said.returncode == 2
    assert "--model is of another, the posterior of compared" in said.stderr


def test_a_file_of_claims_to_fill_in(tmp_path):
    said = mmm("attribution", "--out", tmp_path / "claims.csv")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "claims.csv").read_text() == template()
