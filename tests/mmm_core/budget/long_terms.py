"""A long-term posterior whose effects are stated outright, of a posterior at hand."""

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.effects.roi import roi_draws
from mmm_core.json_text import dumps
from mmm_core.long_term.coefficients import Coefficients, labelled
from mmm_core.long_term.series import series
from mmm_core.long_term.stage import LongTerm
from mmm_core.long_term.stored import FORMAT
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.long_term_spec import LongTermRule


def long_term_of(tree, per_spend, kept=0.0, every=1, stable=True):
    """A unit of a channel's spend brings per_spend[channel] (draw,) at once, and `kept` of it in each week after."""
    read = Posterior.of(tree)
    roi = roi_draws(read)["roi"]
    places = np.arange(roi.sizes["draw"])[::every]
    channels = list(per_spend)
    rng = np.random.default_rng(0)
    weeks = pd.date_range("2024-01-01", periods=30, freq="7D")
    states = pd.DataFrame(rng.normal(size=(30, 2)), index=weeks, columns=["awareness", "base"])
    media = pd.DataFrame(rng.gamma(2, 1, (30, len(channels))), index=weeks, columns=channels)
    count = len(places)
    lags = np.zeros((count, 1, 2, 2))
    lags[:, 0, 1, 1] = kept if stable else 1.1
    effect = np.zeros((count, 1, 2, len(channels)))
    effect[:, 0, 1] = np.stack([np.broadcast_to(per_spend[name], count) for name in channels], axis=-1)
    found = Coefficients(
        lags, effect, np.zeros((count, 2, 1)), np.tile(np.eye(2), (count, 1, 1)), np.zeros(2, bool)
    )
    draws = labelled(found, series(states, media)).assign_coords(draw=places)
    rule = LongTermRule(metrics=("awareness",), channels=tuple(channels), horizon=10)
    attrs = {
        "format": FORMAT, "model": read.model, "rule": dumps(rule.model_dump(mode="json")), "as_of": "2025-01-06",
        "origin": "", "kpi": read.spec.kpi.column, "returns": "roi", "rhat": 1.0, "ess": 1e3,
        "stable_share": float((draws["largest_root"] < 1).mean()), "notes": "[]",
    }  # fmt: skip
    short = roi.isel(draw=places).sel(channel=channels).assign_coords(draw=places)
    short_of = xr.Dataset({"roi": short, "worth_of_base": (("draw",), np.ones(count))})
    groups = {"/": xr.Dataset(attrs=attrs), "/bvar": draws, "/short": short_of}
    return LongTerm(xr.DataTree.from_dict({**groups, "/surveys": xr.Dataset(), "/checks": xr.Dataset()}))
