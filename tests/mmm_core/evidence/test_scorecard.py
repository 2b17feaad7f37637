"""Status by rule and by people; only approved tests calibrate, in whatever order they come."""

import datetime as dt
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mmm_core.errors import DamagedFile, InputError
from mmm_core.evidence.approvals import Approval
from mmm_core.evidence.lift_test import TestedSpend
from mmm_core.evidence.scorecard import TABLE, scorecard
from mmm_core.evidence.stored import Evidence, read_evidence
from mmm_core.spec.calibration_spec import Calibration
from tests.mmm_core.evidence.worlds import PANEL, SEARCH, TEST, TV, data_of
from tests.mmm_core.posteriors import SPEC, weekly_table

CALIBRATION = Calibration(lift_tests="approved")
OTHERS = {
    "search-west": replace(
        TEST, test_id="search-west", geos=("west",), spend={"search": TestedSpend(4 * SEARCH, 0.0)}
    ),
    "tv-2024": replace(TEST, test_id="tv-2024", start=dt.date(2024, 6, 3), end=dt.date(2024, 6, 30)),
}


def approve(*names, on=dt.date(2025, 2, 1), decision="approved", why=""):
    return {name: Approval(name, decision, "team:science", on, why) for name in names}


@pytest.fixture(scope="module")
def data():
    return data_of(PANEL)


def card(data, *tests, approvals=None, calibration=CALIBRATION, **options):
    return scorecard(tests or (TEST,), data, PANEL, calibration, approvals or {}, **options)


def status(data, test=TEST, **options):
    (scored,) = card(data, test, **options).tests
    return scored.status, "; ".join(scored.reasons)


def test_a_line_in_the_approvals_approves_and_nothing_else_does(data):
    yes = approve(TEST.test_id)
    assert status(data, approvals=yes) == ("approved", "")
    assert status(data, replace(TEST, status="needs review"), approvals=yes) == ("approved", "")
    assert status(data) == ("needs review", "nobody has approved it: add a line to the approvals file")
    found, reason = status(data, replace(TEST, status="approved"))
    assert found == "needs review"
    assert reason.endswith("its status, approved, is no approval")


def test_a_rule_may_accept_the_status_of_the_mart(data):
    accepting = Calibration(lift_tests="approved", rule={"accept_status": ["approved"]})
    assert status(data, replace(TEST, status="approved"), calibration=accepting)[0] == "approved"
    assert status(data, replace(TEST, status="needs review"), calibration=accepting)[0] == "needs review"
    assert status(data, TEST, calibration=accepting)[0] == "needs review"


def test_people_reject_by_line_or_by_status(data):
    no = approve(TEST.test_id, decision="rejected", why="spilled over")
    assert status(data, approvals=no) == ("rejected", "team:science rejected it on 2025-02-01: spilled over")
    found = status(data, replace(TEST, status="rejected"), approvals=approve(TEST.test_id))
    assert found == ("rejected", "its own status is rejected")


def test_an_approval_before_the_result_was_known_is_none(data):
    late = replace(TEST, reported=dt.date(2025, 2, 10))
    found, reason = status(data, late, approvals=approve(TEST.test_id))
    assert found == "needs review"
    assert "approved on 2025-02-01, before its result was known on 2025-02-10" in reason


def test_a_vintage_does_not_see_an_approval_of_later_and_nobody_one_of_the_future(data):
    as_of = dt.date(2025, 2, 17)
    until = {"as_of": as_of, "data": data}
    assert status(approvals=approve(TEST.test_id, on=dt.date(2025, 2, 23)), **until)[0] == "approved"
    found, reason = status(approvals=approve(TEST.test_id, on=dt.date(2025, 2, 24)), **until)
    assert found == "needs review"
    assert "approved on 2025-02-24, and approvals count here up to 2025-02-23" in reason
    no = approve(TEST.test_id, on=dt.date(2025, 2, 24), decision="rejected")
    assert status(approvals=no, **until)[0] == "rejected"
    # by hand, on a table that ended long ago: up to today
    today = dt.date.today()
    assert status(data, approvals=approve(TEST.test_id, on=today))[0] == "approved"
    assert status(data, approvals=approve(TEST.test_id, on=today + dt.timedelta(days=1)))[0] == "needs review"
    accepting = Calibration(lift_tests="approved", rule={"accept_status": ["approved"]})
    mart = replace(TEST, status="approved")
    late = approve(TEST.test_id, on=dt.date(2025, 2, 24))
    assert status(test=mart, approvals=late, calibration=accepting, **until)[0] == "approved"


def test_approval_does_not_make_up_for_the_data_or_the_rule(data):
    yes = approve(TEST.test_id)
    assert status(data, replace(TEST, geos=("nowhere",)), approvals=yes)[0] == "rejected"
    short = replace(TEST, end=dt.date(2024, 12, 29), spend={"tv": TestedSpend(2 * TV, 0.0)})
    assert status(data, short, approvals=yes)[0] == "needs review"
    assert (
        status(data, short, approvals=yes, calibration=Calibration(rule={"least_days": 7}))[0] == "approved"
    )


def test_only_approved_tests_calibrate_and_their_error_is_as_wide_as_they_are_doubtful(data):
    tests = (TEST, *OTHERS.values())
    found = card(data, *tests, approvals=approve(TEST.test_id, "tv-2024"))
    assert [weighed.test for weighed in found.evidence.tests] == [OTHERS["tv-2024"], TEST]
    older, newer = found.evidence.tests
    assert older.standard_error > newer.standard_error > TEST.standard_error
    assert newer.standard_error == pytest.approx(1000 * 2 ** (9 / 52 / 2))
    (aside,) = found.evidence.set_aside
    assert (aside.test_id, aside.status) == ("search-west", "needs review")
    assert found.words == "2 approved, 1 needs review"


def test_the_order_of_tests_does_not_matter(data):
    tests = (TEST, *OTHERS.values(), replace(TEST, test_id="copy"))
    approvals = approve(*(test.test_id for test in tests))
    cards = [card(data, *order, approvals=approvals) for order in itertools.permutations(tests)]
    for other in cards[1:]:
        assert other == cards[0]
        assert other.evidence.version == cards[0].evidence.version


def test_a_result_reported_later_is_not_seen(data):
    late = replace(TEST, reported=dt.date(2025, 3, 3))
    yes = approve(TEST.test_id, on=dt.date(2025, 3, 4))
    before = card(data, late, approvals=yes, as_of=dt.date(2025, 2, 17))
    assert (before.tests, before.unseen) == ((), (TEST.test_id,))
    assert before.words == "no lift test; 1 reported after the as-of week"
    after = card(data, late, approvals=yes, as_of=dt.date(2025, 3, 3))
    assert [scored.status for scored in after.tests] == ["approved"]
    assert len(card(data, late, as_of=dt.date(2025, 2, 24)).unseen) == 1  # that week ends on 2 March
    # where nothing is said, a result is known once the last day that counts is over
    assert card(data, replace(TEST, post_weeks=2), as_of=dt.date(2025, 1, 20)).unseen == (TEST.test_id,)


def test_of_approved_tests_of_one_thing_none_counts_before_a_person_has_chosen(data):
    copy = replace(TEST, test_id="copy", incremental=1.0)
    both = card(data, TEST, copy, approvals=approve(TEST.test_id, "copy"))
    assert [scored.status for scored in both.tests] == ["needs review", "needs review"]
    assert "in the same geos and days as tv-north-south: reject all but one" in both.tests[0].reasons[0]
    chosen = approve(TEST.test_id) | approve("copy", decision="rejected")
    assert [scored.status for scored in card(data, TEST, copy, approvals=chosen).tests] == [
        "rejected",
        "approved",
    ]


def test_other_markets_are_left_out_and_rows_that_cannot_be_read_are_rejected(data):
    found = card(
        data,
        TEST,
        replace(TEST, test_id="british", market="uk"),
        replace(TEST, test_id="typo", market="ku"),
        unreadable={"broken": "row 7: column standard_error: 0 is not above 0"},
        markets=("us", "uk"),
    )
    assert {scored.test_id: scored.status for scored in found.tests} == {
        "broken": "rejected", "tv-north-south": "needs review", "typo": "rejected",
    }  # fmt: skip
    assert found.words == "1 needs review, 2 rejected; 1 of market uk left out"
    assert found.tests[0].reasons == ("row 7: column standard_error: 0 is not above 0",)


def test_one_name_twice_is_refused(data):
    with pytest.raises(InputError, match="lift test 'tv-north-south' is there more than once"):
        card(data, TEST, replace(TEST, incremental=5.0))


def test_the_table_has_a_row_a_test_and_says_what_was_computed(data):
    table = card(data, TEST, approvals=approve(TEST.test_id, why="sound"), unreadable={"broken": "why"}).table
    assert list(table.columns) == list(TABLE)
    assert list(table["test_id"]) == ["broken", "tv-north-south"]
    row = table.iloc[1]
    assert row["roi"] == pytest.approx(3000 / (8 * TV))
    assert row["calibrating_error"] == pytest.approx(row["standard_error"] * row["inflation"])
    assert (row["decided_by"], row["decided_on"], row["decision_note"]) == (
        "team:science", pd.Timestamp("2025-02-01"), "sound",
    )  # fmt: skip
    assert pd.isna(table.iloc[0]["inflation"])
    empty = card(data, replace(TEST, market="uk"), markets=("us", "uk")).table
    assert len(empty) == 0
    assert list(empty.dtypes) == list(table.dtypes)


def test_evidence_is_read_back_exactly(data, tmp_path):
    odd = replace(
        OTHERS["tv-2024"], incremental=0.1 + 0.2, standard_error=1 / 3, reported=dt.date(2024, 7, 1),
        spend={"tv": TestedSpend(8 * TV, 4 / 3, (1 / 3,) * 4)}, pre_period_error=0.07, status="approved",
    )  # fmt: skip
    found = card(data, TEST, odd, OTHERS["search-west"], approvals=approve(TEST.test_id, "tv-2024")).evidence
    path = tmp_path / "evidence.json"
    path.write_text(found.to_json())
    assert read_evidence(path) == found
    assert read_evidence(path).version == found.version
    assert len(found.tests) == 2


def test_the_version_is_of_what_calibrates(data):
    approvals = approve(TEST.test_id)
    found = card(data, TEST, OTHERS["search-west"], approvals=approvals).evidence
    assert card(data, TEST, approvals=approvals).evidence.version == found.version
    other = card(data, replace(TEST, incremental=3000.1), approvals=approvals).evidence
    assert other.version != found.version
    assert Evidence("m", dt.date(2025, 1, 6)).version == Evidence("n", dt.date(2025, 1, 13)).version


def test_a_file_that_is_no_evidence_is_refused(data, tmp_path):
    path = tmp_path / "evidence.json"
    for text in ("{", "[]", json.dumps({"format": 2}), json.dumps({"format": 1, "tests": [{}]})):
        path.write_text(text)
        with pytest.raises(DamagedFile, match="make it again"):
            read_evidence(path)
    with pytest.raises(InputError, match="no such file"):
        read_evidence(tmp_path / "none.json")


def test_tests_of_a_market_that_nobody_knows_contaminate_nothing(data):
    typo = replace(TEST, test_id="typo", market="ku", spend={"search": TestedSpend(8 * SEARCH, 0.0)})
    known = replace(typo, test_id="known", market="us")
    alone = card(data, TEST, typo, markets=("us", "uk")).tests[0]
    assert (alone.test_id, alone.scores.contamination) == (TEST.test_id, 0.0)
    assert card(data, TEST, known).tests[1].scores.contamination == 1.0


def test_the_documented_calls_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"lift_tests": "approved", "approvals": "model.approvals.csv"}
    Path("model.yaml").write_text(yaml.safe_dump({**SPEC, "calibration": names}))
    Path("model.approvals.csv").write_text("test_id,by,on\ntv-on,team:science,2024-07-08\n")
    weekly_table().assign(tv_spend=TV).to_csv("weekly.csv", index=False)
    Path("tests.csv").write_text(
        "test_id,channels,start_date,end_date,design,incremental_outcome,standard_error,spend_with,spend_without\n"
        f"tv-on,tv,2024-06-03,2024-06-30,conversion_lift,1500,400,{4 * TV},0\n"
    )
    documented = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()
    (code,) = (block.split("```")[0] for block in documented.split("```python\n")[1:])
    found: dict = {}
    exec(compile(code, "docs/evidence.md", "exec"), found)
    assert found["card"].words == "1 approved"
    assert read_evidence("evidence.json") == found["card"].evidence


def test_the_rule_as_documented_is_the_default():
    documented = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()
    (block,) = (block.split("```")[0] for block in documented.split("```yaml\ncalibration:")[1:])
    stated = yaml.safe_load("calibration:" + block)["calibration"]["rule"]
    assert Calibration(rule=stated).rule == Calibration().rule
    assert stated.keys() == type(Calibration().rule).model_fields.keys()
