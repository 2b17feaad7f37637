"""The picture of planned experiments shows the figures of the plan."""

import io

import pytest

from mmm_core.experiments.plan import plan_experiments
from mmm_core.experiments.power import power
from mmm_core.plots.experiments import experiments
from mmm_core.spec.experiments_spec import Experiments
from tests.mmm_core.posteriors import posterior


@pytest.fixture(scope="module")
def found():
    return plan_experiments(posterior(draws=40), Experiments(weeks=(4,), shares=(0.25, 1.0)))


def test_a_power_curve_a_channel_and_a_point_a_candidate(found):
    left, right = experiments(found).axes
    curves = {line.get_label(): line for line in left.get_lines() if not line.get_label().startswith("_")}
    row = found.best.iloc[0]
    (label,) = [name for name in curves if name.startswith(row["channel"])]
    x, y = curves[label].get_data()
    assert y == pytest.approx(power(x * abs(row["incremental_spend"]), row["standard_error"], found.size))
    points = sum(
        len(each.get_offsets())
        for each in right.collections
        if hasattr(each, "get_sizes") and len(each.get_sizes())
    )
    assert points == len(found.table)


def test_it_is_a_small_png(found):
    out = io.BytesIO()
    experiments(found).savefig(out, format="png", dpi=100)
    assert 10_000 < len(out.getvalue()) < 200_000
