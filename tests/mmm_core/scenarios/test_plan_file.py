"""Plans in files: what their columns mean, and what is refused of them."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.plan import Planner
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.scenarios_spec import Scenario
from tests.mmm_core.posteriors import FAMILY, panel_spec, posterior, weekly_table

WEEKS = 4
TREES = {
    "small": lambda: posterior(),
    "family": lambda: posterior(spec=parse_spec(FAMILY)),
    "panel": lambda: posterior(spec=parse_spec(panel_spec()), table=weekly_table(64, geos=("n", "s"))),
}
READ: dict = {}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def planned(rows, model="small", **keys):
    """The plan that a file of these rows makes."""
    if model not in READ:
        READ[model] = Posterior.of(TREES[model]())
    pd.DataFrame(rows).to_csv("agency.csv", index=False)
    planner = Planner(READ[model], WEEKS)
    return planner.written("x", Scenario.model_validate({"plan": "agency.csv", **keys}))


def rows(**columns):
    return pd.DataFrame({"week_start": pd.date_range("2025-03-24", periods=WEEKS, freq="7D"), **columns})


LAST = weekly_table().tail(WEEKS)


def test_channels_and_controls_are_planned_by_their_names_or_columns():
    plan = planned(rows(tv=[1, 2, 3, 4], search_spend=[5, 0, 5, 0], price=9.0))
    np.testing.assert_allclose(plan.spend[0], [[1, 5], [2, 0], [3, 5], [4, 0]])
    np.testing.assert_allclose(plan.planned["search_clicks"], 2.5 * plan.spend[0, :, 1])
    np.testing.assert_allclose(plan.planned["price"], 9.0)
    np.testing.assert_allclose(plan.planned["sends"], LAST["sends"])


def test_media_are_paid_for_at_the_price_that_comes_again():
    plan = planned(rows(search_clicks=[25, 0, 50, 25.0]))
    np.testing.assert_allclose(plan.spend[0, :, 1], [10, 0, 20, 10])
    plan = planned(rows(search_clicks=[25, 0, 50, 25.0], search=[1, 1, 1, 1.0]))
    np.testing.assert_allclose(plan.spend[0, :, 1], 1.0)
    np.testing.assert_allclose(plan.planned["search_clicks"], [25, 0, 50, 25])


def test_frequency_is_planned_beside_reach():
    plan = planned(rows(video_reach=[100.0] * WEEKS, video_frequency=[2, 3, 2, 3.0]), "family")
    np.testing.assert_allclose(plan.planned["video_frequency"], [2, 3, 2, 3])
    with pytest.raises(InputError, match="frequency of video is not above 0 where people are reached"):
        planned(rows(video_reach=[100.0] * WEEKS, video_frequency=[2, 0, 2, 3.0]), "family")


def test_a_file_without_geos_is_shared_out_as_media_were():
    plan = planned(rows(search=[9, 9, 9, 9.0]), "panel")
    was = (
        weekly_table(64, geos=("n", "s"))
        .pivot(index="week_start", columns="geo", values="search_spend")
        .tail(WEEKS)
    )
    np.testing.assert_allclose(plan.spend[..., 1].T, 9 * was.div(was.sum(axis=1), axis=0))


def test_a_file_with_geos_says_how_they_are_shared():
    both = pd.concat([rows(geo="s", tv=[1, 2, 3, 4.0]), rows(geo="n", tv=[5, 6, 7, 8.0])])
    np.testing.assert_allclose(planned(both, "panel").spend[..., 0], [[5, 6, 7, 8], [1, 2, 3, 4]])
    with pytest.raises(InputError, match=r"geos left out: n: .* take the column geo out"):
        planned(both[both["geo"] == "s"], "panel")
    with pytest.raises(InputError, match="unknown geo 'east'"):
        planned(both.replace({"geo": {"s": "east"}}), "panel")


def test_a_file_and_changes_go_together_but_not_on_one_channel():
    plan = planned(rows(tv=10.0, price=9.0), spend={"search": "off"}, controls={"price": {"1": 11}})
    np.testing.assert_allclose(plan.by_channel(), [40, 0])
    np.testing.assert_allclose(plan.planned["price"], [11, 9, 9, 9])
    with pytest.raises(InputError, match="tv is planned by its file and under `spend`: keep one"):
        planned(rows(tv=10.0), spend={"tv": "off"})
    np.testing.assert_allclose(planned(rows(tv=10.0), spend="off").by_channel(), [40, 0])


def test_columns_that_nothing_reads_are_named():
    assert planned(rows(tv=10.0, agency="ours")).notes == (
        "columns of agency.csv that nothing reads: agency",
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (rows(tv=1.0).iloc[1:], "weeks 2025-03-24 are missing: a plan has a row for each of the 4 weeks"),
        (pd.concat([rows(tv=1.0)] * 2).iloc[:5], "weeks 2025-03-24 are there twice: keep one row of each"),
        (
            rows(tv=1.0).assign(week_start=pd.date_range("2025-04-21", periods=WEEKS, freq="7D")),
            "weeks 2025-04-21, 2025-04-28, .* are outside of the horizon, whose weeks are 2025-03-24 to 2025-04-14",
        ),
        (rows(tv=[1, -1, 1, 1.0]), "column tv: negative in weeks 2025-03-31 .row 3.: the least is 0"),
        (rows(tv=[1, None, 1, 1.0]), "column tv: a number is missing in weeks 2025-03-31"),
        (rows(tv="much"), "column tv: not a number"),
        (rows(tvv=1.0), "column tvv is nothing that small can plan: did you mean 'tv'"),
        (rows(tv=1.0, tv_spend=1.0), "columns tv and tv_spend both plan tv: keep one"),
        (rows(agency="ours"), "no column plans anything: name channels or controls: tv, search, newsletter, price"),
        (rows(tv=1.0, currency="EUR"), "column currency is EUR, and the table's money is USD"),
        (rows(tv=1.0, currency=["EUR", "USD"] * 2), "column currency states EUR, USD: a plan has one"),
        (rows(tv=1.0).drop(columns="week_start"), "column week_start is missing: name the weeks 2025-03-24 to"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plan_is_refused(table, says):
    with pytest.raises(InputError, match=f"scenario 'x': plan .*agency.csv.*{says}"):
        planned(table)
