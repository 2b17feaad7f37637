import numpy as np
import pytest
import xarray as xr

from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.identification import Contraction, contractions, stability_words
from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from tests.mmm_core.long_term.worlds import world

MADE = world(150, seed=5)


def test_draws_of_the_prior_have_contracted_by_nothing():
    rng, count = np.random.default_rng(0), 100_000
    prior = Minnesota(media=GammaPrior(0.2, 0.4), media_decay=1.0)
    shape, scale = prior.media.shape_and_scale
    tight = rng.gamma(shape, scale, (count, 1, 1, 1))
    sd = 1 / np.sqrt(1.0 + np.arange(3))[:, None, None]
    media = rng.normal(3, [2.0, 50.0], (80, 2))
    units = np.array([[10.0], [0.5]]) / media.std(0)
    effect = tight * sd * units * rng.normal(size=(count, 3, 2, 2))
    draws = xr.Dataset(
        {
            "media_coefficient": (("draw", "media_lag", "equation", "channel"), effect),
            "tightness": (("draw", "hyperparameter"), tight[:, :, 0, 0]),
            "covariance": (
                ("draw", "equation", "variable"),
                np.broadcast_to(np.diag([100.0, 0.25]), (count, 2, 2)),
            ),
            "media": (("media_week", "channel"), media),
        },
        coords={
            "hyperparameter": ["media"],
            "media_lag": np.arange(3),
            "variable": ["base", "awareness"],
            "channel": ["tv", "search"],
        },
    )
    found = contractions(draws, prior)
    assert [one.contraction for one in found] == pytest.approx([0.0] * 4, abs=0.05)
    assert [(one.channel, one.variable) for one in found[:2]] == [("tv", "base"), ("tv", "awareness")]


def test_a_channel_that_moves_alone_is_identified_and_one_with_a_twin_is_not():
    twin = MADE.spend.assign(
        twin=MADE.spend["tv"] + np.random.default_rng(0).normal(0, 0.01, len(MADE.spend))
    )
    alone, with_twin = (
        {
            (one.channel, one.variable): one
            for one in contractions(fit_bvar(MADE.variables, spend, lags=2, draws=1000))
        }
        for spend in (MADE.spend, twin)
    )
    assert len(with_twin) == 9
    strong, weak = alone["tv", "awareness"], with_twin["tv", "awareness"]
    assert strong.identified
    assert strong.sure_of_sign > 0.99
    assert weak.contraction < strong.contraction - 0.2
    assert not weak.identified


def test_draws_of_the_restricted_prior_have_contracted_by_nothing():
    rng, count = np.random.default_rng(1), 100_000
    prior, units = Minnesota(media=0.3), np.array([10.0, 0.5])
    media = rng.normal(3, [2.0, 50.0], (80, 2))
    effect = 0.3 * units[:, None] / media.std(0) * rng.normal(size=(count, 1, 2, 2))
    effect[:, 0, 1, 0] = np.abs(effect[:, 0, 1, 0])
    draws = xr.Dataset(
        {
            "media_coefficient": (("draw", "media_lag", "equation", "channel"), effect),
            # noise that the prior of this model knows nothing of
            "covariance": (("draw", "equation", "variable"), np.broadcast_to(np.eye(2) * 1e6, (count, 2, 2))),
            "prior_scale": (("equation",), units),
            "media": (("media_week", "channel"), media),
        },
        coords={"media_lag": [0], "variable": ["base", "awareness"], "channel": ["tv", "search"]},
    )
    found = contractions(draws, prior, restricted=True, signs={"tv": {"awareness": "positive"}})
    assert [one.contraction for one in found] == pytest.approx([0.0] * 4, abs=0.05)
    assert [one.sign_given for one in found] == [False, True, False, False]
    assert "tv directly on awareness is not identified" in found[1].sentence
    assert "sign given" in found[1].sentence
    taken_for_found = contractions(draws, prior, restricted=True)[1]
    assert taken_for_found.contraction == pytest.approx(2 / np.pi, abs=0.02)


@pytest.mark.parametrize(
    ("contraction", "sure", "words"),
    [
        (0.05, 0.7, "is not identified"),
        (0.3, 0.7, "the data say little (contraction 0.30, sign 70% sure), its prior still decides"),
        (0.3, 0.99, "the data tell its sign, and little of its size"),
        (0.8, 0.5, "the data narrow it down, and do not tell its sign (contraction 0.80, sign 50% sure)"),
        (0.8, 0.99, "the data tell its effect"),
    ],
)
def test_in_words(contraction, sure, words):
    found = Contraction("tv", "base", contraction, sure)
    assert words in found.sentence
    assert found.identified == (contraction >= 0.6)


@pytest.mark.parametrize(
    ("roots", "words"),
    [
        ([0.9] * 10, "100% of the draws are stable: effects die out"),
        ([0.9] * 7 + [1.1] * 3, "too small and too sure"),
        ([1.1] * 10, "there is no long run"),
    ],
)
def test_stability_in_words(roots, words):
    assert words in stability_words(xr.Dataset({"largest_root": ("draw", roots)}))
