"""The placebo: what is added is the real channel's media shuffled, and a model that credits it is told so."""

import numpy as np
import pytest

from mmm_core.diagnostics.placebo import NAME, Placebo, placebo, shuffled_blocks, with_placebo_channel
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def test_blocks_stay_together_and_every_week_is_used_once():
    order = shuffled_blocks(53, 4, np.random.default_rng(0))
    assert sorted(order) == list(range(53))
    assert (np.diff(order) == 1).sum() >= 53 - 15
    assert not np.array_equal(order, np.arange(53))


def test_the_placebo_spends_as_its_original_in_another_order():
    table, spec = weekly_table(geos=("a", "b")), parse_spec(panel_spec())
    rows, changed, like = with_placebo_channel(table, spec, 1, "search")
    assert like == "search"
    assert changed.paid == ("tv", "search", NAME)
    assert changed.media.channels[NAME].prior == spec.media.channels["search"].prior
    for geo in ("a", "b"):
        one = rows[rows["geo"] == geo]
        assert sorted(one["placebo_search_spend"]) == pytest.approx(sorted(one["search_spend"]))
        # clicks move with the spend that bought them
        np.testing.assert_allclose(one["placebo_search_clicks"], one["placebo_search_spend"] * 2.5)
        assert abs(np.corrcoef(one["placebo_search_spend"], one["search_spend"])[0, 1]) < 0.9
    assert parse_spec(SPEC).paid == ("tv", "search")  # nothing of the original changed


def test_the_largest_channel_is_the_default_and_others_are_checked():
    table, spec = weekly_table(), parse_spec(SPEC)
    spent = {"tv": table["tv_spend"].sum(), "search": table["search_spend"].sum()}
    assert with_placebo_channel(table, spec, 1)[2] == max(spent, key=spent.get)
    with pytest.raises(InputError, match="did you mean 'search'"):
        with_placebo_channel(table, spec, 1, "serch")
    taken = {**SPEC["media"], "channels": {**SPEC["media"]["channels"], NAME: {"spend": "video_spend"}}}
    with pytest.raises(InputError, match="rename it"):
        with_placebo_channel(table, parse_spec({**SPEC, "media": taken}), 1)


def verdict(median):
    facts = {"mean": 1.0, "sd": 0.5, "q05": 0.1, "q95": 3.0}
    return Placebo("m", "", "tv", 1, "roi", {**facts, "median": 1.0}, {**facts, "median": median}, 0.02)


def test_a_model_that_credits_nothing_is_told_from_one_that_does():
    assert verdict(1.3).credited
    assert "credits media that did nothing" in verdict(1.3).words
    assert not verdict(0.2).credited
    assert "as they should" in verdict(0.2).words
    assert "cannot rule out" in verdict(0.8).words


@pytest.mark.slow
def test_noise_is_not_credited_and_an_effect_in_its_place_is():
    table = weekly_table(weeks=130)
    spec = parse_spec({**SPEC, "fit": {"chains": 2, "warmup": 300, "draws": 200}})
    found = placebo(table, spec, seed=3)
    assert found.posterior["median"] < found.prior["median"]
    # put an effect of 4 where the placebo's media are: the same call now credits them
    rows, _, like = with_placebo_channel(table, spec, 3)
    table["revenue"] = table["revenue"] + 4 * rows[f"placebo_{spec.media.channels[like].spend}"].to_numpy()
    assert placebo(table, spec, seed=3).credited
