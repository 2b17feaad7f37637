"""`mmm readiness`: the gates of a budget, with what somebody signed, and files that are refused."""

import json

import pandas as pd
import yaml

from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import SPEC

LENIENT = {
    "history_weeks": 52, "unproven": 1, "moved": 9, "channel_change": 9, "extrapolation": 9, "probability": 0,
    "profit": -1e12,
}  # fmt: skip


def flat(text):
    return " ".join(text.split())


def test_gates_are_told_one_by_one_and_what_was_signed_lets_pass(folder, tmp_path):
    model = tmp_path / "small.yaml"
    rule = {**LENIENT, "history_weeks": 500, "overrides": "signed.csv"}
    model.write_text(yaml.safe_dump({**SPEC, "readiness": rule}))
    line = "history,team:finance,2025-03-10,2025-03-17,young market"
    (tmp_path / "signed.csv").write_text(f"gate,by,on,until,why\n{line}\n")
    checks = [{"name": name, "severity": "ERROR", "passed": True} for name in ("rhat", "holdout")]
    (tmp_path / "review.json").write_text(json.dumps({"model": "small", "checks": checks}))
    plan = [{"channel": "tv", "recommended_spend": 900}, {"channel": "search", "recommended_spend": 400}]
    (tmp_path / "budget.json").write_text(json.dumps({"weeks": 6, "channels": plan}))
    options = [
        "--posterior",
        folder / "posterior.nc",
        "--model",
        model,
        "--allocation",
        tmp_path / "budget.json",
    ]
    said = mmm("readiness", *options, "--review", tmp_path / "review.json", "--out", tmp_path / "out")
    assert said.returncode == 0, said.stdout
    assert "let pass history: " in flat(said.stdout)
    assert "passed moved: " in flat(said.stdout)
    facts = read_json(tmp_path / "out" / "readiness.json")
    assert (facts["ready"], facts["as_of"], facts["verdict"]) == (
        True,
        "2025-03-17",
        "ready, history overridden",
    )
    table = pd.read_csv(tmp_path / "out" / "readiness.csv")
    assert len(table) == 9
    assert list(table[~table["passed"]]["gate"]) == ["history"]
    later = mmm("readiness", *options, "--as-of", "2025-04-07")
    assert later.returncode == 1
    assert "not ready: review, convergence, history" in flat(later.stdout)


def test_a_file_that_is_no_review_of_the_model_is_refused(folder, tmp_path):
    (tmp_path / "review.json").write_text(json.dumps({"model": "other", "checks": []}))
    said = mmm("readiness", "--posterior", folder / "posterior.nc", "--review", tmp_path / "review.json")
    assert said.returncode == 2
    assert "review.json is a review of other, not of small" in flat(said.stderr)
