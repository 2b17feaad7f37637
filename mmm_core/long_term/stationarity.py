"""Does a series wander? Two tests that ask opposite questions, by statsmodels.

ADF (augmented Dickey-Fuller) takes a unit root for granted until the data speak against it; KPSS takes stationarity
for granted. Where they agree the answer is clear; where both stay silent the series is too short to tell; where both
reject there is a step or a trend. A trend that is large beside the noise looks to ADF about a constant like a unit root
(Perron 1988): where KPSS rejects, both are asked about a straight line as well, and a series that is stationary about
one has a trend.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.errors import InputError
from mmm_core.long_term.variables import UNIT_ROOT

LEVEL = 0.05


@dataclass(frozen=True)
class Stationarity:
    """Of one series.

    Attributes:
        variable: its name.
        adf_p: p-value of a unit root. kpss_p: of stationarity, between 0.01 and 0.1 (all that the table of it holds).
        still_about_a_line: whether it is stationary about a straight line; asked where KPSS rejects.
    """

    variable: str
    adf_p: float
    kpss_p: float
    still_about_a_line: bool = False

    @property
    def verdict(self) -> str:
        """stationary, unit root, unclear, or trend or step."""
        against_root, against_stationary = self.adf_p < LEVEL, self.kpss_p < LEVEL
        if against_root != against_stationary:
            wanders = "trend or step" if self.still_about_a_line else "unit root"
            return "stationary" if against_root else wanders
        return "trend or step" if against_root else "unclear"

    def sentence_of(self, change: bool = False) -> str:
        """In words, beside a fit of the series' level, or of its weekly change.

        Args:
            change: whether its change is fitted, in which every effect on it is there for good.
        """
        advice = {
            "stationary": "effects die out, which a fit of its change, as was asked for, cannot show"
            if change
            else "effects die out",
            "unit root": "effects may be permanent, as this fit of its change has them"
            if change
            else f"effects may be permanent: compare a fit of its change ({UNIT_ROOT})",
            "unclear": "too short to tell: compare a fit of its level"
            if change
            else f"too short to tell: compare fits of its level and of its change ({UNIT_ROOT})",
            "trend or step": "give the fit a trend or a step as a term",
        }[self.verdict]
        return f"{self.variable}: {self.verdict} (ADF p = {self.adf_p:.2f}, KPSS p = {self.kpss_p:.2f}); {advice}"


def stationarity(variables: pd.DataFrame, about: str = "c") -> list[Stationarity]:
    """Both tests of every column.

    Args:
        about: a constant ("c"), or a straight line ("ct").

    Raises:
        InputError: a column has gaps or never changes.
    """
    from statsmodels.tsa.stattools import adfuller, kpss

    def both_tests(values: np.ndarray, about: str) -> tuple[float, float]:
        values = values / np.abs(values).max()  # the regressions of the tests round by the unit
        values = (values - values.mean()) / values.std()
        return (
            float(adfuller(values, regression=about, autolag="AIC")[1]),
            float(kpss(values, regression=about, nlags="auto")[1]),
        )

    found = []
    for name in variables.columns:
        values = variables[name].to_numpy(dtype=float)
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            raise InputError(
                f"'{name}' has gaps or never changes: no test of stationarity says anything of it"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a p-value beyond its table is given as the table's end
            unit_root, stationary = both_tests(values, about)
            still = False
            if about == "c" and stationary < LEVEL:
                about_line = both_tests(values, "ct")
                still = about_line[0] < LEVEL <= about_line[1]
        found.append(Stationarity(str(name), unit_root, stationary, still))
    return found
