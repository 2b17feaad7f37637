"""Lift tests as priors of the ROI of their channels, where they are not replayed.

Coarser than the replay: what a test found of its own dates, geos and change in spend is taken for the channel's ROI
over all modelled weeks. In return every engine with beliefs takes it, also those without a place for lift tests. Of
several tests of a channel the mean weighted by their precisions counts; a log-normal with that mean and error takes the
place of whatever the specification believes of the channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.evidence.counterfactual import without_test
from mmm_core.evidence.lift_test import LiftTest, WeighedTest
from mmm_core.spec.model_spec import ModelSpec

TESTED_ROI = "tested_roi"
"""Variable of a model's arrays, (paid_channel, moment): mean and standard error of what tests say, NaN without any."""
MOMENTS = ("mean", "error")


def as_priors(tests: Sequence[WeighedTest], spec: ModelSpec) -> tuple[WeighedTest, ...]:
    """Those of the tests that the specification wants as priors; the others are replayed."""
    wanted = spec.calibration.as_roi_prior
    return tuple(tests) if wanted == "all" else tuple(each for each in tests if each.test.test_id in wanted)


def with_tested_roi(data: xr.Dataset, tests: Sequence[WeighedTest], spec: ModelSpec) -> xr.Dataset:
    """The arrays of a model with what the tests say of the ROIs; as they are where there are no tests.

    Args:
        data: of `mmm_core.data.arrays.model_data`.

    Raises:
        InputError: a test of several channels, of a channel without spend, or one that does not fit the model; a
            channel whose tests find an ROI of 0 or less, which no log-normal has.
    """
    if not tests:
        return data
    found = np.full((len(spec.paid), len(MOMENTS)), np.nan)
    faults = [f"  {each.test.test_id}: {fault}" for each in tests if (fault := _fault(each.test, spec))]
    if not faults:
        for position, channel in enumerate(spec.paid):
            of_channel = [each for each in tests if each.test.channels == (channel,)]
            if of_channel:
                found[position] = _mean(of_channel, data)
                if found[position, 0] <= 0:
                    names = listed(each.test.test_id for each in of_channel)
                    faults.append(
                        f"  {names}: the mean ROI of {channel} is {found[position, 0]:.3g}, and a log-normal prior "
                        "begins above 0: let them be replayed"
                    )
    if faults:
        raise InputError(
            f"model {spec.model}: `calibration: {{as_roi_prior: ...}}`: lift tests that make no prior\n"
            + "\n".join(faults)
        )
    return data.assign({TESTED_ROI: (("paid_channel", "moment"), found)})


def _fault(test: LiftTest, spec: ModelSpec) -> str:
    if len(test.channels) > 1:
        return f"it tested {listed(test.channels)} together: let it be replayed, which tells how they share"
    if test.channels[0] not in spec.paid:
        return f"{test.channels[0]} has no spend and so no ROI: let it be replayed"
    return ""


def _mean(tests: Sequence[WeighedTest], data: xr.Dataset) -> tuple[float, float]:
    """Mean ROI of tests of one channel, weighted by their precisions, and its standard error."""
    roi, error = [], []
    for weighed in tests:
        test = weighed.test
        unit = _worth(test, data) / test.incremental_spend
        roi.append(test.incremental * unit)
        error.append(weighed.standard_error * abs(unit))
    precision = 1 / np.square(error)
    return float(precision @ roi / precision.sum()), float(precision.sum() ** -0.5)


def _worth(test: LiftTest, data: xr.Dataset) -> float:
    """What a unit of the test's outcome is worth: 1, or the mean price in the geos and weeks that it measured."""
    if test.outcome == "revenue":
        return 1.0
    path = without_test(test, data)
    return float(data["revenue_per_kpi"].to_numpy()[np.ix_(path.geos, path.counted)].mean())
