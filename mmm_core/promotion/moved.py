"""How far the answer of a model moved from one posterior to the next: ROI, contributions and recommended shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

INTERVAL_IN_SD = 3.29
"""Standard deviations that the 90 % interval of a normal distribution is wide."""

COLUMNS = {
    "channel": "channel",
    "roi": "return by unit of spend, posterior mean",
    "roi_before": "that of the last published week",
    "roi_before_q05": "5 % quantile of then",
    "roi_before_q95": "95 % quantile of then",
    "roi_change_in_sd": "change of the ROI in standard deviations of the posterior of then",
    "is_within_previous_interval": "whether the ROI lies in the 90 % interval of then",
    "contribution_share_change": "share of the KPI less that of then",
    "recommended_share": "share of the recommended budget",
    "recommended_share_change": "share of the recommended budget less that of then",
    "was_there": "whether the last published week had the channel",
}


@dataclass(frozen=True)
class Moved:
    """What moved; `channels` has a row a channel of now, with `COLUMNS`: one that was not there has nothing before."""

    channels: pd.DataFrame

    @property
    def compared(self) -> int:
        """Channels that both answers have."""
        return int(self.channels["was_there"].sum())

    @property
    def share_within(self) -> float:
        """Share of the channels whose ROI lies in the interval of then; nan where no channel has a return."""
        known = self.channels["is_within_previous_interval"].dropna()
        return float(known.astype(bool).mean()) if len(known) else float("nan")

    @property
    def contribution_turnover(self) -> float:
        """Share of the KPI that moved from one channel to another."""
        return float(self.channels["contribution_share_change"].abs().sum() / 2)

    @property
    def budget_turnover(self) -> float:
        """Share of the recommended budget that moved: 0 where the advice is the same, 1 where it is all elsewhere."""
        return float(self.channels["recommended_share_change"].abs().sum() / 2)

    @property
    def largest_change_in_sd(self) -> float:
        """The largest change of an ROI in standard deviations of then; nan where no channel has a return."""
        return float(self.channels["roi_change_in_sd"].abs().max())

    @property
    def moved_most(self) -> str:
        """The channel of that change; "" where none has one."""
        size = self.channels["roi_change_in_sd"].abs().dropna()
        return str(self.channels.loc[size.idxmax(), "channel"]) if len(size) else ""


def moved(
    roi: pd.DataFrame,
    allocation: pd.DataFrame,
    roi_before: pd.DataFrame | None = None,
    allocation_before: pd.DataFrame | None = None,
) -> Moved:
    """Compare two answers of a model, channel by channel.

    Args:
        roi, roi_before: `mmm_core.effects.roi.roi_table` of the two posteriors; None of a first one.
        allocation, allocation_before: their budgets, with channel and recommended_spend. Shares are of all channels of
            a budget, those among them that the other has not.
    """
    now = _answer(roi, allocation)
    then = now.iloc[:0]
    if roi_before is not None and allocation_before is not None:
        then = _answer(roi_before, allocation_before)
    both = now.join(then, how="left", rsuffix="_before")
    sd = (both["q95_before"] - both["q05_before"]) / INTERVAL_IN_SD
    known = both[["roi", "q05_before", "q95_before"]].notna().all(axis=1)
    within = both["roi"].between(both["q05_before"], both["q95_before"]).astype("boolean").mask(~known)
    table = pd.DataFrame(
        {
            "channel": both.index,
            "roi": both["roi"],
            "roi_before": both["roi_before"],
            "roi_before_q05": both["q05_before"],
            "roi_before_q95": both["q95_before"],
            "roi_change_in_sd": (both["roi"] - both["roi_before"]) / sd.where(sd > 0),
            "is_within_previous_interval": within,
            "contribution_share_change": both["contribution_share"] - both["contribution_share_before"],
            "recommended_share": both["recommended_share"],
            "recommended_share_change": both["recommended_share"] - both["recommended_share_before"],
            "was_there": both.index.isin(then.index),
        }
    )
    return Moved(table.reset_index(drop=True))


def _answer(roi: pd.DataFrame, allocation: pd.DataFrame) -> pd.DataFrame:
    """ROI with its interval, share of the KPI and share of the budget, by channel."""
    means = roi.pivot(index="channel", columns="metric", values="mean")
    intervals = roi[roi["metric"] == "roi"].set_index("channel")[["q05", "q95"]]
    spend = allocation.set_index("channel")["recommended_spend"]
    total = float(spend.sum())
    share = spend / total if total else spend * np.nan
    found = means.reindex(columns=["roi", "contribution_share"]).join(intervals)
    return found.join(share.rename("recommended_share"))
