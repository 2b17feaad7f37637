"""What lift tests would have measured, had each draw of a posterior been the truth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np
import xarray as xr

from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.model.media import MediaParameters
from mmm_core.model.prepare import outcome_value
from mmm_core.model.replay import Replay, ReplayNumbers, changed_response, lift, replay
from mmm_core.posterior.handle import Posterior


def replayed_tests(
    tree: xr.DataTree | Posterior, tests: Sequence[WeighedTest], draws: np.ndarray | None = None
) -> xr.DataArray:
    """Draws of what each test would have measured without error, in the unit of its outcome.

    The likelihood of a calibrated fit compares the same figures with what was measured; here every geo has its own
    effect.

    Args:
        tree: a posterior, which may have seen the tests or not.
        tests: their order is kept.
        draws: positions of the draws to work out; all by default.

    Returns:
        (draw, test), the tests by their names.

    Raises:
        InputError: a test that does not fit the posterior's model.
    """
    posterior = Posterior.of(tree)
    data, spec = posterior.data, posterior.spec
    plan, numbers = replay(tests, data, spec, outcome_value(data, spec, posterior.media))
    with jax.enable_x64(True):
        found = _lifts(plan, numbers, posterior.media_parameters(draws))
    names = sorted(weighed.test.test_id for weighed in tests)
    lifts = xr.DataArray(np.asarray(found) * numbers.error, dims=("draw", "test"), coords={"test": names})
    return lifts.sel(test=[weighed.test.test_id for weighed in tests])


@partial(jax.jit, static_argnums=0)
def _lifts(plan: Replay, numbers: ReplayNumbers, parameters: MediaParameters) -> jax.Array:
    """(draw, test), in units of the tests' errors."""

    def of_draw(draw: MediaParameters) -> jax.Array:
        change = changed_response(plan, numbers, draw.shape, draw.multiplier)
        return lift(plan, numbers, change, draw.coefficient)

    return jax.lax.map(of_draw, parameters)
