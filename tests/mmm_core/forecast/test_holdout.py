"""The review's refits: which origins a table is long enough for, and that they start from the fit and cost little."""

import numpy as np
import pytest

from mmm_core.forecast.holdout import holdout_refits
from mmm_core.inference.fit import fit
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.review_spec import Review
from tests.mmm_core.posteriors import SPEC, weekly_table


def test_origins_are_those_that_leave_half_a_year_to_learn_from():
    asked = Review(holdout_weeks=13, holdout_origins=3)
    assert asked.held_out() == (13, 26, 39)
    assert asked.held_out(65) == (13, 26, 39)
    assert asked.held_out(64) == (13, 26)
    assert asked.held_out(38) == ()
    assert Review(holdout_weeks=0).held_out() == ()


@pytest.mark.slow
def test_refits_start_where_the_fit_ended_and_warm_up_for_a_third_of_it():
    spec = parse_spec({**SPEC, "fit": {"chains": 2, "warmup": 300, "draws": 100}})
    table, phases = weekly_table(), []
    fitted = fit(table, spec)
    asked = Review(holdout_weeks=8, holdout_origins=2)
    refits = holdout_refits(table, spec, asked, fitted, phases.append)
    assert [int(tree["constant_data"].attrs["holdout_weeks"]) for tree in refits] == [8, 16]
    assert all(str(tree.attrs["warm_start"]).startswith("small to ") for tree in refits)
    assert {step.total for step in phases if step.phase.endswith("sampling")} == {100 + 100}
    assert any(step.phase.startswith("origin 2 of 2, ") for step in phases)
    weeks = Posterior.of(fitted).data.sizes["week"]
    for tree in refits:
        observed = tree["constant_data"]["observed"].to_numpy()
        assert np.flatnonzero(~observed[0])[0] == weeks - int(tree["constant_data"].attrs["holdout_weeks"])
