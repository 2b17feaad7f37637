"""A plan that is not what it should be is refused in words that fit a plan."""

import pandas as pd
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.data.plan import read_plan
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.data.test_panel import NATIONAL, table

SPEC = parse_spec(NATIONAL)


@pytest.fixture(scope="module")
def data():
    return model_data(table(("all",)), SPEC)


def plan(weeks=6):
    start = table(("all",))["week_start"].iloc[-1] + pd.Timedelta(days=7)
    return pd.DataFrame(
        {
            "week_start": pd.date_range(start, periods=weeks, freq="7D"),
            "tv_spend": [float(i) for i in range(weeks)],
        }
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (plan().drop(index=2), "plan: missing weeks 2025-03-10: add a row for each"),
        (
            plan().assign(week_start=lambda p: pd.date_range("2025-02-24", periods=6, freq="D")),
            "the rows are days",
        ),
        (plan().drop(index=0), "plan: its weeks must follow the fitted ones: expected 2025-02-24"),
        (plan().iloc[:0], "plan: it has no rows"),
        (pd.concat([plan(), plan()[["tv_spend"]]], axis=1), "plan: column 'tv_spend' is there twice"),
        (plan().assign(week_start="soon"), "plan: column week_start: not a date"),
        (plan().assign(tv_spend="x"), "plan: column tv_spend: not a number"),
    ],
)
def test_a_plan_is_refused_by_what_is_wrong_with_it(data, rows, says):
    with pytest.raises(InputError, match=says):
        read_plan(rows, SPEC, data)
    with pytest.raises(InputError, match=r"^plan spring\.csv: ") as refusal:
        read_plan(rows, SPEC, data, source="plan spring.csv")
    assert "plan: " not in str(refusal.value)


def test_a_plan_reads_alike_from_a_frame_a_file_and_with_decimal_commas(data, tmp_path):
    rows = plan().assign(tv_spend=[0.5, 1000.25, 2, 0, 4, 5])
    rows.to_csv(tmp_path / "plan.csv", index=False)
    rows.to_csv(tmp_path / "german.csv", index=False, sep=";", decimal=",")
    expected = read_plan(rows, SPEC, data).exposure
    for name in ("plan.csv", "german.csv"):
        assert (read_plan(read_table(tmp_path / name), SPEC, data).exposure == expected).all()
    spoilt = (tmp_path / "plan.csv").read_text().replace("1000.25", "1000.25x")
    (tmp_path / "plan.csv").write_text(spoilt)
    with pytest.raises(InputError, match=r"2025-03-03 \(row 3\): '1000.25x'"):
        read_plan(read_table(tmp_path / "plan.csv"), SPEC, data)
