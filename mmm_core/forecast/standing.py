"""Past forecasts of a horizon taken together: how good they were, and whether a seasonal naive did better by chance.

It reads the rows that `mmm_core.forecast.track_record.score_since` works out, and no posterior.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmm_core.forecast.differences import PairedDifference, difference_of_scores


@dataclass(frozen=True)
class Standing:
    """The forecasts of one horizon together.

    Attributes:
        forecasts: posteriors whose weeks have come.
        crps, crps_naive, mape: means over them; `crps` and `crps_naive` of those that have both, nan where none has.
        coverage_90: share of their weeks within the 90 % interval.
        difference: the model's CRPS less the naive one's and whether that may be chance; None without a naive forecast.
    """

    horizon: int
    forecasts: int
    crps: float
    crps_naive: float
    mape: float
    coverage_90: float
    difference: PairedDifference | None

    @property
    def ratio(self) -> float:
        """The model's CRPS over that of the seasonal naive forecast: below 1 the model is the better one."""
        return self.crps / self.crps_naive if self.crps_naive else float("nan")

    @property
    def words(self) -> str:
        """What it comes to, such as `6 forecasts of 13 weeks: 90 % intervals hold 88% of the weeks, ...`."""
        words = (
            f"{self.forecasts} forecast{'s' * (self.forecasts > 1)} of {self.horizon} weeks: 90 % intervals hold "
            f"{self.coverage_90:.0%} of the weeks, the median errs by {self.mape:.1%}"
        )
        if self.difference is None:
            return f"{words}; no history of two seasons for a seasonal naive"
        return f"{words}, CRPS beside seasonal-naive {self.difference.words}"


def standings(rows: pd.DataFrame) -> list[Standing]:
    """The rows of several posteriors together, a standing a horizon, the shortest first."""
    found = []
    for horizon in sorted(rows["horizon"].astype(int).unique().tolist()):
        ordered = rows[rows["horizon"] == horizon].sort_values("first_week")
        both = ordered.dropna(subset=["crps", "crps_naive"])
        found.append(
            Standing(
                horizon,
                len(ordered),
                float((both if len(both) else ordered)["crps"].mean()),
                float(both["crps_naive"].mean()),
                float(ordered["mape"].mean()),
                float(ordered["coverage_90"].mean()),
                _difference(both, horizon) if len(both) else None,
            )
        )
    return found


def _difference(both: pd.DataFrame, horizon: int) -> PairedDifference:
    week = both["first_week"].to_numpy().astype("datetime64[D]").astype(int) / 7
    ours, theirs = (both[name].to_numpy(dtype=float)[:, None] for name in ("crps", "crps_naive"))
    return difference_of_scores(ours, theirs, week, horizon)
