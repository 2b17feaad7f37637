"""Every family of priors, from the YAML's numbers to draws of the sampler."""

from dataclasses import dataclass

import jax
import numpy as np
import pytest
from numpyro import handlers
from scipy import stats

from mmm_core.inference.hmc.sampler import sample
from mmm_core.inference.hmc.state import Schedule
from mmm_core.inference.runtime import Devices
from mmm_core.priors import FAMILIES, Prior, prior_tables, sample_vector

STATED = {
    "normal": [-1.0, 2.0],
    "lognormal": [0.2, 0.5],
    "halfnormal": [0.3],
    "beta": [2.0, 5.0],
    "gamma": [3.0, 2.0],
    "exponential": [4.0],
    "uniform": [0.5, 2.0],
}
PRIORS = [Prior.model_validate({family: numbers}) for family, numbers in STATED.items()]
PRIORS.append(Prior.model_validate(0.7))


@dataclass(frozen=True)
class PriorAlone:
    """A model without data."""

    def __call__(self, arrays):
        return sample_vector("x", PRIORS, arrays)


def test_the_sampler_draws_every_family_as_it_is_stated():
    assert set(STATED) == set(FAMILIES)
    tables = prior_tables(PRIORS)
    drawn = sample(PriorAlone(), tables, Schedule(4, 300, 1000, Devices(1)), seed=1)

    def values(position):
        return handlers.substitute(PriorAlone(), data=drawn.to_sites(position))(tables)

    x = np.asarray(jax.vmap(values)(drawn.trace.position.reshape(4000, -1)))
    for i, prior in enumerate(PRIORS[:-1]):
        low, high = prior.support()
        assert ((low <= x[:, i]) & (x[:, i] <= high)).all(), prior.words
        # draws are a little correlated: as if there were a quarter of them
        assert stats.kstest(x[:, i], prior.frozen().cdf).statistic < 1.63 / np.sqrt(1000), prior.words
    assert (x[:, -1] == 0.7).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_other_numbers_compile_nothing(family):
    """The numbers of a prior are arguments of a program: nothing of it may depend on them."""
    numbers = STATED[family]
    prior = Prior.model_validate({family: numbers})

    def program(tables):
        seeded = handlers.seed(lambda: sample_vector("x", [prior], tables), jax.random.key(0))
        return seeded()

    run = jax.jit(program)
    first = run(prior_tables([prior]))
    moved = Prior.model_validate({family: [1.1 * number for number in numbers]})
    assert float(run(prior_tables([moved]))[0]) != float(first[0])
    assert run._cache_size() == 1
