"""`mmm inspect`: findings, a proposal that is fitted, exit codes, files."""

import json

import pandas as pd
import pytest
import yaml

from mmm_core.data_health.finding import FAMILIES, NOTHING
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.data_health.tables import SPEC, plain


def flat(text):
    return " ".join(text.split())


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "brand.csv"
    rows = plain(78)
    rows.loc[50, "revenue"] *= 10
    rows.to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_a_proposal_is_printed_written_and_can_be_fitted(table, tmp_path):
    said = mmm("inspect", "--table", table, "--out", tmp_path / "out")
    assert said.returncode == 0, said.stderr
    text = flat(said.stdout)
    assert "search_clicks exposure of search named as clicks" in text
    assert "gap: price and promotion: no column of either" in text
    assert "in the week of 2022-12-19, where" in text
    assert "search: {spend: search_spend, exposure: search_clicks}" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "data_health.csv", "data_health.png", "correlations.png", "proposed.yaml", "contents.json",
    }  # fmt: skip
    found = pd.read_csv(tmp_path / "out" / "data_health.csv")
    assert set(found.loc[found["verdict"] != "ok", "subject"]) >= {"revenue"}
    fitted = mmm(
        "fit", "--model", tmp_path / "out" / "proposed.yaml", "--table", table, "--out", tmp_path / "out",
        "--engine", "ridge",
    )  # fmt: skip
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["weeks"] == 70


def test_a_model_is_looked_over_by_its_own_thresholds(table, tmp_path):
    model = tmp_path / "small.yaml"
    model.write_text(yaml.safe_dump(SPEC))
    said = mmm("inspect", "--table", table, "--model", model)
    assert said.returncode == 0
    assert "Columns" not in said.stdout
    assert "warn outliers" in flat(said.stdout)
    model.write_text(yaml.safe_dump({**SPEC, "data_health": {"outlier": 1000, "least_observations_per_parameter": 50,
                                                            "observations_per_parameter": 60}}))  # fmt: skip
    said = mmm("inspect", "--table", table, "--model", model, "--all")
    assert said.returncode == 1
    assert "fail ratio" in flat(said.stdout)
    assert "ok outliers revenue: no week is out" in flat(said.stdout)


def test_every_family_has_its_line_with_why_where_it_found_nothing(table, tmp_path):
    gappy = pd.read_csv(table).drop(index=[30])
    gappy.to_csv(table, index=False)
    said = mmm("inspect", "--table", table)
    lines = {
        line[5:].split(":")[0]: line
        for line in said.stdout.splitlines()
        if line[5:].split(":")[0] in FAMILIES
    }
    assert set(lines) == set(FAMILIES)
    for family, why in (("stationarity", "without gaps"), ("ratio", "a fit would refuse this table")):
        assert lines[family].startswith("-    ")
        assert f"Nothing to judge it by: {NOTHING[family]}"[:40] in lines[family]
        assert why in NOTHING[family]


def test_what_cannot_be_looked_at_is_refused(table, tmp_path):
    model = tmp_path / "small.yaml"
    model.write_text(yaml.safe_dump(SPEC))
    both = mmm("inspect", "--table", table, "--model", model, "--kpi", "revenue")
    assert both.returncode == 2
    assert "the model's YAML names the KPI" in flat(both.stderr)
    (tmp_path / "none.csv").write_text("a,b\n1,2\n3,4\n")
    none = mmm("inspect", "--table", tmp_path / "none.csv")
    assert none.returncode == 2
    assert "no column of days" in flat(none.stderr)
