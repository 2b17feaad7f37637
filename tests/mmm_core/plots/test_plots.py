"""Pictures show the figures they are given, stay small and need no display."""

import io
import subprocess
import sys

import numpy as np
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.contributions import contributions
from mmm_core.effects.curves import response_curves
from mmm_core.effects.decay import decay_draws
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.plots import plots
from tests.mmm_core.posteriors import posterior
from tests.mmm_core.whole_family import case


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
        plots.baseline(tree),
        plots.decay(tree),
        plots.saturation(tree),
        plots.multiplier(case("family")),
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


def test_a_kpi_without_revenue_is_shown_by_what_a_unit_costs():
    tree = case("other_kinds")
    axes = plots.roi(tree).axes[0]
    assert "spend per incremental unit of orders" in axes.get_title(loc="left")
    costs = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(costs, roi_draws(tree)["cpik"].median("draw"))


def test_carryover_is_the_mean_of_its_draws_and_ends_at_the_longest_lag():
    tree = case("other_kinds")
    axes = dict(zip(("tv", "search", "video"), plots.decay(tree).axes, strict=True))
    mean = decay_draws(tree)["weight"].mean("draw")
    np.testing.assert_allclose(axes["tv"].lines[0].get_ydata(), mean.sel(channel="tv")[:4])
    assert axes["video"].lines[0].get_xdata().tolist() == [0]


def test_the_base_is_drawn_part_by_part():
    tree = case("family")
    parts = contributions(tree)
    panels = {axes.get_title(loc="left"): axes for axes in plots.baseline(tree).axes if axes.get_visible()}
    assert set(panels) == {
        "level", "price", "promotion", "discount", "seasonality", "holidays", "strike", "new_shop"
    }  # fmt: skip
    np.testing.assert_allclose(
        panels["holidays"].lines[0].get_ydata(), parts["mean"].sel(component="holidays")
    )


def test_an_effect_that_does_not_vary_has_no_path(tree):
    axes = plots.multiplier(case("family")).axes[0]
    paths = case("family")["posterior"]["multiplier"].sel(channel="tv").mean(("chain", "draw"))
    np.testing.assert_allclose(axes.lines[0].get_ydata(), paths)
    with pytest.raises(InputError, match="no channel is `time_varying`"):
        plots.multiplier(tree)


def test_every_picture_of_an_approximate_posterior_says_so():
    tree = case("family").copy()
    tree.attrs["approximate"] = "normal approximation"
    drawn = [
        *(draw(tree) for draw in (plots.fit, plots.contributions, plots.roi, plots.baseline)),
        *(draw(tree) for draw in (plots.decay, plots.saturation, plots.multiplier)),
        plots.response_curves(response_curves(tree, [0.0, 1.0])),
        plots.budget(allocate(tree)),
    ]
    for figure in drawn:
        words = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert "approximate: normal approximation" in words
    exact = plots.fit(case("family"))
    assert not [text for axes in exact.axes for text in axes.texts if "approximate" in text.get_text()]


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
    code = "import sys, mmm_core.plots.plots; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
