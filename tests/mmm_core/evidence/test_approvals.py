"""Approvals are lines of a file: who, when, which test."""

import datetime as dt

import pytest

from mmm_core.errors import InputError
from mmm_core.evidence.approvals import Approval, read_approvals


def written(folder, text):
    path = folder / "us.approvals.csv"
    path.write_text(text)
    return path


def test_a_line_is_a_decision(tmp_path):
    path = written(
        tmp_path,
        "test_id,decision,by,on,why\n"
        "a,,team:science,2025-02-03,\n"
        'b,Rejected,team:media,2025-02-04,"spilled over, by far"\n',
    )
    assert read_approvals(path) == {
        "a": Approval("a", "approved", "team:science", dt.date(2025, 2, 3)),
        "b": Approval("b", "rejected", "team:media", dt.date(2025, 2, 4), "spilled over, by far"),
    }
    assert read_approvals(written(tmp_path, "test_id,by,on\na,team,2025-02-03\n"))["a"].approves


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test_id,by\na,team\n", "column on is not there: write test_id,decision,by,on,why"),
        ("test_id,by,on,wy\na,team,2025-02-03,x\n", "column 'wy' is unknown: did you mean 'why'"),
        (
            "test_id,by,on\na,,2025-02-03\n",
            r"column by is blank \(row 2\): an approval says which test, by whom",
        ),
        (
            "test_id,by,on\na,team,nan\n",
            r"column on is blank \(row 2\): an approval says which test, by whom and",
        ),
        ("test_id,by,on\na,team,yesterday\n", r"column on: not a day: 'yesterday' \(row 2\)"),
        ("test_id,by,on,decision\na,team,2025-02-03,ok\n", "row 2: decision 'ok' is none"),
        ("test_id,by,on\na,x,2025-02-03\na,y,2025-02-04\n", "row 3: test 'a' is decided already"),
    ],
)
def test_a_line_that_does_not_say_who_when_and_what_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_approvals(written(tmp_path, text))
