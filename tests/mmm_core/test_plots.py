"""Pictures show the figures they are given, stay small and need no display."""

import io
import subprocess
import sys

import numpy as np
import pytest

from mmm_core import plots
from mmm_core.allocation import allocate
from mmm_core.contributions import contributions
from mmm_core.curves import response_curves
from mmm_core.roi import roi_draws
from tests.mmm_core.posteriors import posterior


@pytest.fixture(scope="module")
def tree():
    return posterior(holdout_weeks=6)


def png(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    return out.getvalue()


def test_every_picture_is_a_small_png(tree):
    figures = [
        plots.fit(tree),
        plots.contributions(tree),
        plots.roi(tree),
        plots.response_curves(response_curves(tree)),
        plots.budget(allocate(tree)),
    ]
    for figure in figures:
        image = png(figure)
        assert image.startswith(b"\x89PNG")
        assert 5_000 < len(image) < 150_000


def test_contributions_stack_up_to_the_prediction(tree):
    parts = contributions(tree)
    axes = plots.contributions(parts).axes[0]
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in axes.collections]
    assert len(tops) == 1 + 3
    assert max(tops) == pytest.approx(float(parts["predicted"].max()), rel=1e-5)


def test_curves_mark_the_last_spend(tree):
    table = response_curves(tree)
    figure = plots.response_curves(table)
    once = table[np.isclose(table["multiplier"], 1)]
    for axes, (_, row) in zip(figure.axes, once.iterrows(), strict=False):
        mark = axes.lines[-1]
        assert axes.get_title(loc="left") == row["channel"]
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((row["spend"], row["mean"]))


def test_roi_shows_posterior_over_prior(tree):
    axes = plots.roi(tree).axes[0]
    means = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(means, roi_draws(tree)["roi"].sel(channel=["tv", "search"]).mean("draw"))
    prior = axes.lines[0].get_xdata()
    np.testing.assert_allclose(prior, np.exp(0.2 + 0.9 * np.array([-1.6449, 1.6449])), rtol=1e-3)


def test_budget_bars_are_the_plan(tree):
    plan = allocate(tree)
    widths = [bar.get_width() for bar in plots.budget(plan).axes[0].patches]
    assert widths == pytest.approx(plan.channels[["current_spend", "recommended_spend"]].to_numpy().ravel())


def test_the_users_style_is_left_alone(tree):
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.roi(tree)
    assert dict(matplotlib.rcParams) == before


def test_matplotlib_waits_until_a_picture_is_asked_for():
    code = "import sys, mmm_core.plots; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
