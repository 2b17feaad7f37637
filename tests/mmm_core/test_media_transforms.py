"""The table of media as the model sees them, against the definitions."""

import numpy as np
import pytest

from mmm_core.effects.media_transforms import _means, media_transforms
from mmm_core.posterior.schema import spec_of
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import posterior, weekly_table
from tests.mmm_core.whole_family import SPECS, case

pytestmark = pytest.mark.usefixtures("hurried_compiler")


@pytest.mark.parametrize("name", SPECS)
def test_media_of_every_kind_carried_over_and_saturated(name):
    tree = case(name)
    spec, data = spec_of(tree), tree["constant_data"].to_dataset()
    table = media_transforms(tree).set_index(["geo", "channel"])
    history = data.sizes["media_week"] - data.sizes["week"]
    geo = str(data["geo"].values[-1])
    for i, channel in enumerate(spec.channel_specs):
        exposure = data["exposure"][-1, :, i].to_numpy()
        media = exposure / float(data["population"][-1]) / float(data["media_scale"][i])
        adstocked, responses = [], []
        for position in range(6):
            draw = brute_force.one_draw(tree, position)
            names = (*channel.adstock.parameters, *channel.saturation.parameters)
            parameter = {name: float(draw[name][i]) for name in names}
            weights, kind = brute_force.lag_weights(channel, parameter), channel.saturation.kind
            adstocked.append(brute_force.carried(media, weights))
            if channel.frequency:
                often = data["frequency"][-1, :, i].to_numpy() / float(data["frequency_scale"][i])
                saturated = media * brute_force.saturated(kind, often, parameter)
                responses.append(brute_force.carried(saturated, weights))
            elif channel.saturation.before_adstock:
                responses.append(brute_force.carried(brute_force.saturated(kind, media, parameter), weights))
            else:
                responses.append(brute_force.saturated(kind, adstocked[-1], parameter))
        own = table.loc[(geo, spec.channels[i])]
        np.testing.assert_allclose(own["exposure"], exposure[history:])
        np.testing.assert_allclose(own["adstocked"], np.mean(adstocked, axis=0)[history:], atol=1e-9)
        np.testing.assert_allclose(own["saturated"], np.mean(responses, axis=0)[history:], atol=1e-9)


def test_a_further_week_and_another_posterior_compile_nothing():
    def programs(weeks, seed):
        media_transforms(posterior(table=weekly_table(weeks=weeks), draws=10, seed=seed))
        return _means._cache_size()

    assert programs(60, seed=1) == programs(61, seed=2)
