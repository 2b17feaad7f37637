"""`mmm scenario`: plans of a YAML, of a file and of options, and options that are refused."""

import json

import pandas as pd
import pytest
import yaml

from mmm_core.budget.cell_layout import Cell
from mmm_core.cli.scenario import _said, earlier_recommendation
from mmm_core.errors import InputError
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.posteriors import SPEC, weekly_table


def test_plans_of_a_model_and_of_options_are_held_against_each_other(folder, tmp_path):
    plans = {"bolder": {"spend": {"search": "+20%", "tv": "-30%"}}, "agency": {"plan": "agency.csv"}}
    weeks = weekly_table(70)["week_start"].tail(6)
    pd.DataFrame({"week_start": weeks, "tv": 100.0}).to_csv(tmp_path / "agency.csv", index=False)
    model = tmp_path / "small.yaml"
    model.write_text(
        yaml.safe_dump(
            {**SPEC, "margin": 0.5, "scenarios": {"plans": plans, "recommended": False}}, sort_keys=False
        )
    )
    made = [
        {"channel": channel, "current_spend": 1.0, "recommended_spend": spend}
        for channel, spend in (("tv", 700), ("search", 500))
    ]
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({"weeks": 6, "data_until": "2025-02-24", "channels": made}))
    by_week = {"tv": (200, 100, 100, 100, 100, 100), "search": (0, 100, 100, 100, 100, 100)}
    cells = [(name, week, spend) for name, weeks in by_week.items() for week, spend in enumerate(weeks, 1)]
    of_cells = pd.DataFrame(cells, columns=["channel", "week", "recommended_spend"])
    of_cells.assign(geo="", pattern="", current_spend=0.0).to_csv(tmp_path / "budget_cells.csv", index=False)
    said = mmm(
        "scenario", "--posterior", folder / "posterior.nc", "--model", model, "--out", tmp_path / "out",
        "--recommended", earlier,
        "--spend", "tv=off@1-4", "--control", "price=9.5", "--sweep",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    out = tmp_path / "out"
    table = pd.read_csv(out / "scenarios.csv").set_index("scenario")
    assert list(table.index) == ["current", "bolder", "agency", "asked"]
    facts = read_json(out / "scenarios.json")
    assert (facts["compared_by"], facts["weeks"], facts["horizon"]) == ("profit", 6, "short")
    assert [row["scenario"] for row in facts["scenarios"]] == list(table.index)
    for words in facts["words"]:
        assert words in " ".join(said.stdout.split())
    written = pd.read_csv(out / "scenario_plans.csv").set_index("scenario")
    assert list(written.loc["agency", "tv_spend"]) == [100.0] * 6
    assert list(written.loc["asked", "tv_spend"][:4]) == [0.0] * 4
    assert set(written.loc["asked", "price"]) == {9.5}
    assert len(pd.read_csv(out / "scenario_pairs.csv")) == 4 * 3
    assert len(pd.read_csv(out / "scenario_weeks.csv")) == 4 * 6
    assert len(pd.read_csv(out / "scenario_channels.csv")) == (4 + 7) * 2
    assert (out / "scenarios.png").stat().st_size > 10_000
    assert list(pd.read_csv(out / "spent_against_recommended.csv")["channel"]) == ["tv", "search"]
    held = pd.read_csv(out / "spent_against_recommended_cells.csv")
    assert list(held["recommended_spend"]) == pytest.approx([200, 100, 100, 0, 100, 100])
    assert list(held["week"]) == ["2025-03-03", "2025-03-10", "2025-03-17"] * 2
    assert any(words.startswith("recommended after 2025-02-24, 3 of 6 weeks") for words in facts["words"])
    assert "The best plan at each budget" in said.stdout
    assert len(pd.read_csv(out / "budget_sweep.csv")) == 7
    assert (out / "budget_sweep.png").stat().st_size > 10_000


def test_a_plan_that_cannot_be_is_one_message(folder, tmp_path):
    plans = tmp_path / "plans.yaml"
    plans.write_text("plans: {late: {spend: {tv: {9: off}}}}\n")
    said = mmm("scenario", "--posterior", folder / "posterior.nc", "--scenarios", plans)
    assert said.returncode == 2
    assert "scenario 'late': spend.tv: week 9 is outside of the horizon of 6 weeks" in " ".join(
        said.stderr.split()
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "no recommendation: name a budget_allocation.json"),
        ("no json", "no recommendation"),
        (
            '{"weeks": -3, "data_until": "2025-01-06", "channels": [{"channel": "tv", "current_spend": 1, '
            '"recommended_spend": 2}]}',
            "no recommendation",
        ),
        (
            '{"weeks": 6, "data_until": "hello", "channels": [{"channel": "tv", "current_spend": 1, '
            '"recommended_spend": 2}]}',
            "no recommendation",
        ),
        (
            '{"weeks": 6, "channels": [{"channel": "tv", "current_spend": 1, "recommended_spend": 2}]}',
            "does not say on which data it was made: name their last week with --after",
        ),
    ],
)
def test_a_file_that_is_no_recommendation_is_refused(tmp_path, content, says):
    (tmp_path / "earlier.json").write_text(content)
    with pytest.raises(InputError, match=says):
        earlier_recommendation(tmp_path / "earlier.json", None)


def test_a_recommendation_by_week_or_geo_is_read_with_its_cells(tmp_path):
    channels = '[{"channel": "tv", "current_spend": 1, "recommended_spend": 5}]'
    file = tmp_path / "budget_allocation.json"
    file.write_text(f'{{"weeks": 2, "data_until": "2025-02-24", "channels": {channels}}}')
    assert earlier_recommendation(file, None).cells is None
    cells = tmp_path / "budget_cells.csv"
    cells.write_text("channel,geo,week,pattern,current_spend,recommended_spend\ntv,,1,,0,2\ntv,,2,,1,3\n")
    assert earlier_recommendation(file, None).cells == {Cell("tv", week=0): 2.0, Cell("tv", week=1): 3.0}
    cells.write_text("channel,geo,week,pattern,current_spend,recommended_spend\ntv,NA,,,0,2\ntv,s,,,1,3\n")
    assert earlier_recommendation(file, None).cells == {Cell("tv", "NA"): 2.0, Cell("tv", "s"): 3.0}
    cells.write_text("channel,geo,week,pattern,current_spend,recommended_spend\ntv,,1,,0,2\n")
    with pytest.raises(InputError, match=r"budget_cells\.csv: another plan than that of budget_allocation"):
        earlier_recommendation(file, None)


def test_options_are_read_as_the_yaml_is():
    options = ["tv=off@1-4", "tv=+20%@5-6", "search=2500", "all = -10%"]
    assert _said(options, "--spend") == {"tv": {"1-4": "off", "5-6": "+20%"}, "search": 2500.0, "all": "-10%"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["tv"], r"--spend tv: write search=\+20%, tv=250000, or tv=off@1-4"),
        (["tv="], "--spend tv=: write"),
        (["tv=off@"], "--spend tv=off@: write"),
        (["tv=1", "tv=2"], "--spend tv=2: tv is said twice"),
        (["tv=1@2", "tv=2@2"], "--spend tv=2@2: weeks 2 of tv are said twice"),
    ],
)
def test_an_option_that_is_no_change_is_refused(options, says):
    with pytest.raises(InputError, match=says):
        _said(options, "--spend")
