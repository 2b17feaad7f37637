"""`mmm lift`."""

import json

import pandas as pd
import pytest

from mmm_core.cli.lift import parse_spends
from mmm_core.errors import InputError
from mmm_core.evidence.columns import NAMES
from mmm_core.evidence.reader import read_lift_tests
from tests.mmm_core.cli.command import mmm, read_json
from tests.mmm_core.readout.panels import WHOLE, outcomes, table, treat


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    path = tmp_path_factory.mktemp("lift") / "panel.csv"
    values = treat(treat(outcomes(geos=14), [0, 1], 40.0), [2], -30.0)
    table(values).rename(columns={"Y": "sales", "location": "city", "date": "day"}).to_csv(path, index=False)
    return path


COLUMNS = ("--outcome", "sales", "--geo", "city", "--time", "day")


@pytest.fixture(scope="module")
def cells(panel, tmp_path_factory):
    out = tmp_path_factory.mktemp("cells")
    said = mmm(
        "lift", "--panel", panel, "--treated", "up=g00,g01", "--treated", "down=g02", "--window",
        "2024-03-01:2024-03-10", "--post", 5, *COLUMNS, "--spend", "tv=5000:0", "--spend", "search=0:900",
        "--currency", "USD", "--market", "us", "--out", out,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    return said, out


def test_it_is_said_plainly(cells):
    said, _ = cells
    assert "up: g00, g01" in said.stdout
    assert (
        "2024-03-01 to 2024-03-10, counted until 2024-03-15: 15 days, learned from 60 before them and 11 geos"
        in (said.stdout)
    )
    for words in (
        "incremental sales",
        "lift",
        "effect per geo and day",
        "time-based regression",
        "90 % interval",
    ):
        assert words in said.stdout
    assert "The effect is more than chance: p-value" in said.stdout
    assert "Conformal: p-value" in said.stdout
    assert "Before the window: scaled L2 imbalance" in said.stdout
    assert "Compared with g" in said.stdout


def test_the_files(cells):
    _, out = cells
    facts = read_json(out / "lift.json")
    assert [cell["cell"] for cell in facts["cells"]] == ["up", "down"]
    assert len(facts["donors"]) == 11
    periods = pd.read_csv(out / "lift_periods.csv")
    assert list(periods.groupby("cell").size()) == [75, 75]
    measured = periods[periods["measured"] & (periods["cell"] == "up")]
    assert measured["effect"].sum() == pytest.approx(facts["cells"][0]["incremental"])
    assert (out / "lift.png").stat().st_size > 10_000


def test_the_lift_tests_are_read_as_they_are(cells):
    _, out = cells
    tests = read_lift_tests(out / "lift_tests.csv")
    assert [test.test_id for test in tests] == ["tv-2024-03-01-up", "search-2024-03-01-down"]
    assert [test.channels for test in tests] == [("tv",), ("search",)]
    assert [test.design for test in tests] == ["geo_scale_up", "geo_holdout"]
    assert tests[0].geos == ("g00", "g01")
    assert tests[0].incremental == pytest.approx(read_json(out / "lift.json")["cells"][0]["incremental"])
    assert tests[1].incremental < 0
    written = pd.read_csv(out / "lift_tests.csv")
    assert set(written.columns) <= set(NAMES)
    assert list(written["market"]) == ["us", "us"]


def test_json_alone_on_standard_output(panel, tmp_path):
    said = mmm(
        "lift", "--panel", panel, "--treated", "g00,g01", "--window", WHOLE, "--exclude", "g02", *COLUMNS, "--json",
        "--level", 0.8, "--out", tmp_path,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    facts = json.loads(said.stdout)
    assert facts["cells"][0]["level"] == 0.8
    assert "g02" not in facts["donors"]
    assert not (tmp_path / "lift_tests.csv").exists()


def test_a_refusal_is_one_message_and_writes_nothing(panel, tmp_path):
    said = mmm(
        "lift", "--panel", panel, "--treated", "g0", "--window", WHOLE, *COLUMNS, "--out", tmp_path / "out"
    )
    assert said.returncode == 2
    assert "no geo 'g0'" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()


def test_spend_as_it_is_written():
    assert parse_spends([], 2) == []
    found = parse_spends(["tv=5:0", "paid=search=1:2.5"], 1)
    assert [(channel, spend.actual, spend.without) for channel, spend in found[0].items()] == [
        ("tv", 5, 0),
        ("paid=search", 1, 2.5),
    ]
    for text in ("tv=5", "5:0", "tv=5:-1", "=5:0", "tv=a:b", "tv=inf:0", "tv=nan:0"):
        with pytest.raises(InputError, match="write the channel, what was spent"):
            parse_spends([text], 1)
    with pytest.raises(InputError, match="names a channel twice"):
        parse_spends(["tv=5:0", "tv=6:0"], 1)
    with pytest.raises(InputError, match="is there 1 time for 2 cells"):
        parse_spends(["tv=5:0"], 2)
