"""What one more unit of base sales brings, in the outcome that the short-term ROI is counted in.

    KPI in levels       sum of price x KPI / sum of KPI
    KPI's logarithm     sum of price x expected KPI / sum of base sales: media, season and controls multiply the
                        base, so that a unit more of it is more than a unit sold where they add

Sums are over geos and over the weeks asked for, those of the short-term figure that it is added to.
"""

from __future__ import annotations

import numpy as np

from mmm_core.effects.contributions import baseline_groups
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.predictor import Predictor
from mmm_core.spec.baseline_spec import BASELINE


def worth_of_base(posterior: Posterior, positions: np.ndarray, weeks: int | None = None) -> np.ndarray:
    """Outcome of one more unit of base sales, (draw,).

    Args:
        positions: of the draws among all of the posterior.
        weeks: the last ones; all that the model is of by default, as the ROI has them.
    """
    data, last = posterior.data, slice(None if weeks is None else -weeks, None)
    price = data["revenue_per_kpi"].to_numpy()[:, last]
    if posterior.spec.kpi.scale != "log":
        units = np.nan_to_num(data["kpi"].to_numpy()[:, last])
        mean = (price * units).sum() / units.sum() if units.sum() > 0 else price.mean()
        return np.full(len(positions), float(mean))
    predictor = posterior.predictor(positions)
    out = np.empty(len(positions))
    for which in predictor.chunks():
        without = predictor.expected(predictor.baseline_terms(which), which)
        expected = predictor.with_media(without, predictor.media_terms(which))
        base = base_by_geo(posterior, predictor, which)
        out[which] = (expected[..., last] * price).sum((1, 2)) / base[..., last].sum((1, 2))
    return out


def base_by_geo(posterior: Posterior, predictor: Predictor, which: slice) -> np.ndarray:
    """Base sales of some of a predictor's draws, (draw, geo, week), in the KPI's units."""
    names = [str(term) for term in posterior.data["term"].to_numpy()]
    terms = baseline_groups(names, posterior.spec)[BASELINE]
    return np.asarray(predictor.expected(predictor.baseline_terms(which, terms), which))
