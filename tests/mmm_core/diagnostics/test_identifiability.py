"""Identifiability: each figure against its definition, and the sentence that each fault gets."""

import numpy as np
import pytest

from mmm_core.diagnostics.identifiability import contraction, identification_table, identify
from mmm_core.effects.roi import roi_draws
from mmm_core.model.beliefs import EffectBelief
from mmm_core.posterior.handle import Posterior
from mmm_core.priors import Prior
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table
from tests.mmm_core.review.test_review import sound

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def by_name(tree, **options):
    return {one.channel: one for one in identify(tree, **options)}


def with_coefficients(tree, coefficient):
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(coefficient=group["coefficient"].copy(data=coefficient))
    return tree


def test_a_sound_posterior_is_identified_in_so_many_words():
    found = by_name(sound())
    assert set(found) == {"tv", "search", "newsletter"}
    assert all(one.identified and not one.confused for one in found.values())
    assert found["tv"].sentence.startswith("tv: the data tell its effect (contraction ")


def test_channels_that_trade_off_are_named_with_their_correlation():
    tree = sound()
    coefficient = tree["posterior"]["coefficient"].to_numpy().copy()
    shift = 0.3 * np.random.default_rng(1).standard_normal(coefficient.shape[:2])
    metrics = roi_draws(tree)["contribution"].mean("draw").to_numpy()
    per_unit = metrics / coefficient.mean((0, 1, 2))  # KPI that a coefficient of 1 brings
    coefficient[..., 0, 0] = 0.6 + shift
    coefficient[..., 0, 1] = 1.5 - shift * per_unit[0] / per_unit[1]
    found = by_name(with_coefficients(tree, coefficient))
    assert found["tv"].rival == "search"
    assert found["search"].rival == "tv"
    assert found["tv"].rival_correlation == pytest.approx(-1, abs=0.02)
    assert "tv cannot be told apart from search (correlation -" in found["tv"].sentence


def test_a_channel_that_is_its_prior_is_not_identified():
    tree = sound()
    coefficient = tree["posterior"]["coefficient"].to_numpy().copy()
    coefficient[..., 0, 0] = np.exp(
        0.2 + 0.9 * np.random.default_rng(6).standard_normal(coefficient.shape[:2])
    )
    found = by_name(with_coefficients(tree, coefficient))
    assert not found["tv"].identified
    assert "tv is not identified" in found["tv"].sentence
    assert by_name(tree, weak=-5.0)["tv"].identified  # the threshold is the caller's


def test_media_that_hardly_change_and_media_that_move_together_are_said():
    table = weekly_table()
    table["tv_spend"] = np.where(np.arange(len(table)) < 30, 100.0, 180.0)
    table["search_clicks"] = table["tv_spend"] * (1 + 1e-3 * np.random.default_rng(2).random(len(table)))
    # the spread of the prior: nothing was learnt
    rng = np.random.default_rng(3)
    tree = posterior(table=table, draws=400, alpha=0.5, half_saturation=1.0, slope=1.0)
    coefficient = np.exp(3 * rng.standard_normal(tree["posterior"]["coefficient"].shape))
    found = by_name(with_coefficients(tree, coefficient))
    assert found["tv"].changed == 1
    assert found["tv"].weeks == 60
    assert found["tv"].inflation > 100
    assert "its media changed in 1 of 60 weeks only" in found["tv"].sentence
    assert "variance inflation" in found["search"].sentence


@pytest.mark.parametrize("geos", [("all",), ("a", "b")])
def test_channels_whose_media_are_proportional_are_said_to_be_known_by_their_sum_only(geos):
    table = weekly_table(geos=geos)
    table["search_clicks"] = 7 * table["tv_spend"]
    # another carryover, as another prior brings about, tells nothing of which of the two it was
    spec = panel_spec() if len(geos) > 1 else None
    tree = posterior(spec, table, draws=50)
    alpha = tree["posterior"]["alpha"]
    tree["posterior"]["alpha"] = alpha.copy(data=np.broadcast_to([0.2, 0.7, 0.5], alpha.shape))
    found = by_name(tree)
    assert (found["tv"].twin, found["search"].twin, found["newsletter"].twin) == ("search", "tv", "")
    assert found["tv"].confused
    assert found["tv"].sentence.startswith(
        "tv cannot be told apart from search (their media correlate 1.00): only their sum is known"
    )
    assert not found["newsletter"].confused
    assert np.isnan(found["newsletter"].twin_correlation)


def test_media_are_alike_after_carryover_where_they_are_not_week_by_week():
    """Media that jump from week to week and the same media smoothed are alike once both carry over for long."""
    weeks = np.arange(64)
    table = weekly_table()
    table["tv_spend"] = 100.0 * (1 + np.sin(weeks / 3) + 0.5 * (-1.0) ** weeks * (weeks % 3 > 0)).clip(0)
    smooth = table["tv_spend"].rolling(2, min_periods=1).mean()
    table["search_clicks"] = smooth
    assert np.corrcoef(table["tv_spend"][4:], smooth[4:])[0, 1] < 0.98
    assert by_name(posterior(table=table, draws=50, alpha=0.95))["tv"].twin == "search"
    assert by_name(posterior(table=table, draws=50, alpha=0.01))["tv"].twin == ""


def test_inflation_is_that_of_the_regression_on_everything_else():
    tree = sound(draws=50)
    data = tree["constant_data"].to_dataset()
    from tests.mmm_core.posteriors import adstocked, hill

    scaled = (data["exposure"] / data["media_scale"]).to_numpy()[0]
    media = np.column_stack([hill(adstocked(x, 0.5, 4), 1.0, 1.0) for x in scaled.T])[4:]
    design = data["design"].to_numpy()[0]
    for i, one in enumerate(identify(tree)):
        rest = np.column_stack([design, np.delete(media, i, axis=1)])
        fitted = rest @ np.linalg.lstsq(rest, media[:, i], rcond=None)[0]
        r2 = 1 - ((media[:, i] - fitted) ** 2).sum() / ((media[:, i] - media[:, i].mean()) ** 2).sum()
        assert one.inflation == pytest.approx(1 / (1 - r2), rel=1e-5)


def test_contraction_is_of_variances_and_on_the_log_scale_of_positive_effects():
    tree = posterior(draws=4000, chains=1, coefficient=1.0)
    rng = np.random.default_rng(4)
    shape = tree["posterior"]["coefficient"].shape
    with_coefficients(tree, np.exp(0.45 * rng.standard_normal(shape)))
    belief = EffectBelief("coefficient", Prior.model_validate({"lognormal": [0.0, 0.9]}))
    assert contraction(Posterior.of(tree), "tv", belief) == pytest.approx(0.75, abs=0.03)
    with_coefficients(tree, rng.standard_normal(shape))
    belief = EffectBelief("coefficient", Prior.model_validate({"normal": [0.0, 2.0]}))
    assert contraction(Posterior.of(tree), "tv", belief) == pytest.approx(0.75, abs=0.03)
    assert np.isnan(contraction(Posterior.of(tree), "tv", EffectBelief("roi", Prior.model_validate(1.0))))


def test_a_panel_and_a_single_channel_have_figures_too():
    tree = posterior(panel_spec(), weekly_table(geos=("a", "b")), draws=50)
    table = identification_table(identify(tree))
    assert np.isfinite(table["inflation"]).all()
    one = {**SPEC["media"], "channels": {"tv": SPEC["media"]["channels"]["tv"]}, "organic": {}}
    (alone,) = identify(posterior({**SPEC, "media": one}, draws=50))
    assert alone.rival == ""
    assert np.isfinite(alone.inflation)
    assert alone.sentence
