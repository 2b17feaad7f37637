"""What the lift tests moved: each prediction before a test was seen and after, and the ROI of every channel.

Every test is left out in turn, and all of them together (`mmm_core.agreement.left_out`). The model without a test says
what it would have measured: a result that it holds next to impossible came from a test, or from a model, that is wrong.
The difference between the ROI without a test and with it is what the test moved, of its own channels and of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.agreement.left_out import LeftOut, leave_out
from mmm_core.agreement.predicted import TAIL, Prediction, predict, weighted_quantiles
from mmm_core.agreement.tables import ALL_TESTS, ROI, STAGES, TESTS, typed
from mmm_core.data.table import check_table, fingerprint
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import return_name
from mmm_core.posterior.schema import calibrated_by
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.threads import one_blas_thread

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

NOT_CALIBRATED = "no lift test calibrates {model}: approve some and fit with them, see docs/evidence.md"


@dataclass(frozen=True)
class CalibrationReport:
    """What the tests of a posterior moved.

    Attributes:
        model: its name. returns: what an ROI of it counts. approximate: what is approximate about its engine, "" where
            nothing is.
        tests: a row a test, columns as `mmm_core.agreement.tables.TESTS` describes them.
        roi: a row a channel and what was left out, columns as `mmm_core.agreement.tables.ROI` describes them.
    """

    model: str
    returns: str
    approximate: str
    tests: pd.DataFrame
    roi: pd.DataFrame


@one_blas_thread
def calibration_report(
    tree: xr.DataTree,
    table: pd.DataFrame | None = None,
    progress: Callable[[Progress], None] | None = None,
    name: str = "the posterior",
    source: str = "table",
) -> CalibrationReport:
    """Leave out each test that a posterior saw, and all of them.

    Args:
        tree: the calibrated posterior.
        table: the weekly table, for refits where draws cannot be weighted: without it such figures are nan, and their
            method is `unknown`.
        progress: told how far the refits are.
        name, source: what to call the posterior and the table in messages.

    Returns:
        The report; of a posterior that saw no test its tables are empty.

    Raises:
        InputError: the table was refused, or is another than the posterior's.
    """
    posterior = Posterior.of(tree)
    evidence = calibrated_by(tree)
    tests = () if evidence is None else evidence.tests
    if not tests:
        return empty_report(posterior.spec)
    if table is not None:
        posterior.refuse_another_table(fingerprint(check_table(table, posterior.spec, source)), source, name)
    tests = tuple(sorted(tests, key=lambda weighed: weighed.test.test_id))
    names = [weighed.test.test_id for weighed in tests]
    lifts = replayed_tests(posterior, tests)
    sets = [frozenset(names), *(frozenset([test_id]) for test_id in names)]
    left = leave_out(tree, tests, lifts, sets, table, progress, source)
    of = _Worked(posterior, tests)
    whole = LeftOut(frozenset(), "weights", np.nan, posterior, np.full(len(lifts), 1 / len(lifts)))
    stages = [dict(zip(STAGES, (left[sets[0]], left[only], whole), strict=True)) for only in sets[1:]]
    return CalibrationReport(
        posterior.model,
        return_name(posterior.spec),
        posterior.approximate,
        typed([_test_row(weighed, some, of) for weighed, some in zip(tests, stages, strict=True)], TESTS),
        typed(
            [
                row
                for which, out in zip([ALL_TESTS, *names], (left[some] for some in sets), strict=True)
                for row in _roi_rows(which, out, whole, of)
            ],
            ROI,
        ),
    )


def empty_report(spec: ModelSpec) -> CalibrationReport:
    """Of a model that no lift test calibrates."""
    return CalibrationReport(spec.model, return_name(spec), "", typed([], TESTS), typed([], ROI))


def require_tests(tree: xr.DataTree) -> None:
    """Raise InputError where no lift test calibrates a posterior."""
    if calibrated_by(tree) is None:
        raise InputError(NOT_CALIBRATED.format(model=f"the posterior of {tree.attrs['model']}"))


class _Worked:
    """What is worked out of each posterior once: its replayed tests and its ROI."""

    def __init__(self, posterior: Posterior, tests: tuple[WeighedTest, ...]) -> None:
        self.paid = list(posterior.spec.paid)
        self.noise = ResultNoise.of(posterior.spec.calibration)
        self.tests = {weighed.test.test_id: weighed for weighed in tests}
        self._lifts: dict[int, xr.DataArray] = {}

    def prediction(self, test_id: str, out: LeftOut) -> Prediction | None:
        """What a posterior says of a test."""
        if out.method == "unknown":
            return None
        key = id(out.posterior)
        if key not in self._lifts:
            self._lifts[key] = replayed_tests(out.posterior, list(self.tests.values()))
        lifts = self._lifts[key].sel(test=test_id).to_numpy()
        return predict(lifts, self.tests[test_id], self.noise, out.weights)

    def roi(self, channels: list[str], out: LeftOut) -> dict[str, float]:
        """Mean, sd and 90 % interval of the return of some channels together."""
        if out.method == "unknown":
            return dict.fromkeys(("mean", "sd", "q05", "q95"), np.nan)
        metrics = roi_draws(out.posterior).sel(channel=channels)
        draws = (metrics["contribution"].sum("channel") / metrics["spend"].sum("channel")).to_numpy()
        low, high = weighted_quantiles(draws, out.weights, (0.05, 0.95))
        mean = float(out.weights @ draws)
        sd = float(np.sqrt(out.weights @ (draws - mean) ** 2))
        return {"mean": mean, "sd": sd, "q05": float(low), "q95": float(high)}


def _test_row(weighed: WeighedTest, stages: dict[str, LeftOut], of: _Worked) -> dict[str, Any]:
    test = weighed.test
    row: dict[str, Any] = {
        "test_id": test.test_id,
        "channels": ";".join(test.channels),
        "geos": ";".join(test.geos) or "all",
        "start_date": test.start,
        "end_date": test.end,
        "outcome": test.outcome,
        "incremental_spend": test.incremental_spend,
        "measured": test.incremental,
        "calibrating_error": weighed.standard_error,
    }
    for stage, out in stages.items():
        found = of.prediction(test.test_id, out)
        for name in ("lift", "lift_q05", "lift_q95", "low", "high", "p_value"):
            row[f"{stage}_{name}"] = np.nan if found is None else getattr(found, name)
        roi = of.roi(list(test.channels), out)
        row |= {f"{stage}_roi": roi["mean"], f"{stage}_roi_q05": roi["q05"], f"{stage}_roi_q95": roi["q95"]}
    row["inside_90"] = row["calibrated_p_value"] >= 2 * TAIL
    row |= {"uncalibrated_method": stages["uncalibrated"].method, "unseen_method": stages["unseen"].method}
    return row | {"unseen_khat": stages["unseen"].khat}


def _roi_rows(which: str, out: LeftOut, whole: LeftOut, of: _Worked) -> list[dict[str, Any]]:
    rows = []
    tested = {channel for name in out.tests for channel in of.tests[name].test.channels}
    for channel in of.paid:
        before, after = of.roi([channel], out), of.roi([channel], whole)
        rows.append(
            {
                "left_out": which,
                "channel": channel,
                "tested": channel in tested,
                "roi_without": before["mean"],
                "roi_without_q05": before["q05"],
                "roi_without_q95": before["q95"],
                "roi_with": after["mean"],
                "roi_with_q05": after["q05"],
                "roi_with_q95": after["q95"],
                "shift": (after["mean"] - before["mean"]) / before["sd"] if before["sd"] != 0 else 0.0,
                "method": out.method,
            }
        )
    return rows
