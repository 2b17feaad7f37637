"""Awareness and consideration: slow states that media builds, as a survey would try to measure them.

    stock_t     = 0.95 stock_(t-1) + 0.05 media_t            media per head of the brand-building channels, mean 1
    awareness_t = expit(logit(0.45) + 0.4 log(0.2 + stock_t) + 0.10 u_t)
    consideration_t = expit(logit(0.22) + 0.6 (logit awareness_(t-2) - logit 0.45) + 0.08 v_t)

with u and v autoregressive (0.98), standard deviation 1. The states do not feed back on revenue.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from mmm_core.simulate.draws import Draws, decaying_sum

BUILDERS = {"tv": 1.0, "ooh": 0.8, "youtube": 0.6, "radio": 0.5, "meta": 0.3, "tiktok": 0.3}
METRICS = ("awareness", "consideration")
USUAL = 520  # first weeks of the calendar: their mean is a stock of 1


def brand_state(draws: Draws, names: tuple[str, ...], media: np.ndarray) -> dict[str, np.ndarray]:
    """True weekly shares of people, each (weeks,), from media per head (weeks, geos, channels)."""
    weeks = len(media)
    building = (media.mean(axis=1) * [BUILDERS.get(name, 0.1) for name in names]).sum(axis=1)
    stock = decaying_sum(0.05 * building / building[:USUAL].mean(), 0.95)
    swing = draws.autoregressive("brand", weeks, 2, persistence=0.98)
    aware = logit(0.45) + 0.4 * np.log(0.2 + stock) + 0.10 * swing[:, 0]
    earlier = np.concatenate([aware[:1], aware[:1], aware[:-2]])
    considering = logit(0.22) + 0.6 * (earlier - logit(0.45)) + 0.08 * swing[:, 1]
    return {"awareness": expit(aware), "consideration": expit(considering)}
