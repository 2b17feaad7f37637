"""`budget_cells`: what a budget by week or pattern spends where and when, as the marts get it."""

import pandas as pd
import pytest

from assets.allocation.answer import read_cells
from assets.allocation.budget_allocation import budget_allocation
from assets.allocation.cells import cells_of
from assets.resources.results import RESULT_TABLES
from tests.assets.vintage import VINTAGE

pytestmark = pytest.mark.slow

LABELS = {"posterior_version": "one", "model_version": "1"}


@pytest.mark.parametrize(
    ("asked", "decided"),
    [({"by": "week"}, "week"), ({"patterns": ["past", "even"]}, "pattern"), ({}, None)],
)
def test_cells_reach_the_warehouse_as_they_were_decided_and_add_up(stages, asked, decided):
    stages.write_spec(budget={"weeks": 4, **asked})
    assert stages.materialize(budget_allocation).success
    plan = stages.results.read("budget_allocation", VINTAGE)
    cells = cells_of(stages.results, VINTAGE, plan)
    assert {*cells, *LABELS, "model", "as_of_week"} == set(RESULT_TABLES["budget_cells"])
    written = stages.warehouse.replace_results(
        {"budget_cells": cells.assign(**LABELS)}, VINTAGE.model, VINTAGE.as_of_week
    )
    assert written == {"budget_cells": len(cells)}
    with stages.warehouse.connect(read_only=True) as connection:
        held = connection.execute("select * exclude (as_of_week) from results.budget_cells").df()
    if decided is None:
        assert held.empty
        return
    assert held[decided].notna().all()
    assert held["geo"].isna().all()
    assert held["week"].isna().all() == (decided != "week")
    assert len(held) == len(read_cells(stages.results, VINTAGE, plan)) > len(plan)
    sums = held.groupby("channel")[["current_spend", "recommended_spend"]].sum()
    pd.testing.assert_frame_equal(
        sums, plan.set_index("channel")[list(sums)].loc[sums.index], rtol=1e-6, check_names=False
    )


def test_cells_of_another_budget_are_not_its_cells(stages):
    stages.write_spec(budget={"weeks": 4, "by": "week"})
    assert stages.materialize(budget_allocation).success
    plan = stages.results.read("budget_allocation", VINTAGE)
    assert cells_of(stages.results, VINTAGE, plan.assign(recommended_spend=1.0)).empty
