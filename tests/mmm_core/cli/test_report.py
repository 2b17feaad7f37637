"""`mmm report` as a user runs it."""

import json

import pytest

from tests.mmm_core.cli.command import mmm, read_json


@pytest.mark.slow
def test_report_writes_page_markdown_and_manifest(folder, tmp_path):
    made = [{"channel": name, "current_spend": 1.0, "recommended_spend": 600.0} for name in ("tv", "search")]
    earlier = tmp_path / "budget_allocation.json"
    earlier.write_text(json.dumps({"weeks": 6, "data_until": "2025-02-24", "channels": made}))
    done = mmm(
        "report", "--posterior", folder / "posterior.nc", "--earlier", earlier, "--out", tmp_path / "out"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Not fit for use:" in done.stdout
    assert "not converged" in done.stdout
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith("# Draft, not fit for use: small")
    assert read_json(tmp_path / "out" / "report.json")["model"] == "small"
    assert read_json(tmp_path / "out" / "report.json")["scenarios"]  # there for what was spent since alone


@pytest.mark.slow
def test_a_previous_posterior_that_is_not_there_is_refused(folder, tmp_path):
    done = mmm(
        "report", "--posterior", folder / "posterior.nc", "--previous", tmp_path / "none.nc", "--out", tmp_path / "out"
    )  # fmt: skip
    assert done.returncode == 2
    assert "none.nc: no such posterior" in done.stderr
    assert not list(tmp_path.glob("out/*"))
