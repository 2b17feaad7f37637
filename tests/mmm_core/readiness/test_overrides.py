"""The file of overrides: what it says, and what is refused."""

from datetime import date

import pytest

from mmm_core.data.file_columns import template_of
from mmm_core.errors import InputError
from mmm_core.readiness.overrides import COLUMNS, override_of, overrides_beside, read_overrides
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC

HEADER = "gate,by,on,until,why\n"
LINE = "moved,team:finance,2026-03-02,2026-03-30,agreed with the board\n"


def written(tmp_path, text):
    path = tmp_path / "overrides.csv"
    path.write_text(text)
    return path


def test_the_template_is_read(tmp_path):
    (only,) = read_overrides(written(tmp_path, template_of(COLUMNS)))["extrapolation"]
    assert (only.by, only.on, only.until) == ("team:finance", date(2026, 3, 2), date(2026, 3, 30))


def test_the_latest_decision_that_still_holds_counts(tmp_path):
    lines = LINE + "moved,team:board,2026-03-09,2026-03-16,a week more\n"
    found = read_overrides(written(tmp_path, HEADER + lines))
    assert override_of("moved", date(2026, 3, 16), found).by == "team:board"
    assert override_of("moved", date(2026, 3, 23), found).by == "team:finance"
    assert override_of("moved", date(2026, 4, 6), found) is None
    assert override_of("profit", date(2026, 3, 16), found) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "gate,by,on,why\nmoved,x,2026-03-02,y\n",
            r"columns that overrides need are not there: 'until': add it$",
        ),
        (
            "gate,by,on,why,end\nmoved,x,2026-03-02,y,2026-03-30\n",
            r"'until': add it, or rename the one that holds it; nobody reads end$",
        ),
        (
            HEADER + LINE.replace("moved", "mooved"),
            r"row 2: there is no gate 'mooved': did you mean 'moved'\?",
        ),
        (
            HEADER + LINE.replace("2026-03-30", "2026-02-28"),
            "row 2: until 2026-02-28 lies before on 2026-03-02",
        ),
        (HEADER + LINE.replace("2026-03-30", "30/03/2026"), "column until: not a day"),
        (HEADER + LINE.replace("2026-03-30", ""), r"column until is blank \(row 2\)"),
        (HEADER + LINE.replace("agreed with the board", ""), r"column why is blank \(row 2\)"),
        (HEADER + LINE.replace("team:finance", " "), r"column by is blank \(row 2\)"),
    ],
)
def test_a_line_that_nobody_could_answer_for_is_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=rf"overrides.csv: .*{says}"):
        read_overrides(written(tmp_path, text))


def test_the_file_is_the_one_that_the_yaml_names(tmp_path):
    assert overrides_beside(parse_spec(SPEC), tmp_path) == {}
    spec = parse_spec({**SPEC, "readiness": {"overrides": "overrides.csv"}})
    with pytest.raises(
        InputError, match=r"readiness\.overrides: .*overrides\.csv is not there: put the file beside"
    ):
        overrides_beside(spec, tmp_path)
    written(tmp_path, HEADER + LINE)
    assert set(overrides_beside(spec, tmp_path)) == {"moved"}
