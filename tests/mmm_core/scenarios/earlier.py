"""A posterior as it would stand without its last weeks."""

import xarray as xr

from mmm_core.posterior.handle import Posterior


def cut(whole, weeks):
    """The posterior as it would stand without its last weeks, with the parameters and scales of the whole."""
    data = whole["constant_data"].to_dataset()
    draws = whole["posterior"].to_dataset()
    parts = {
        "/posterior": draws.isel(week=slice(None, -weeks)),
        "/sample_stats": whole["sample_stats"].to_dataset(),
        "/constant_data": data.isel(week=slice(None, -weeks), media_week=slice(None, -weeks)),
    }
    out = xr.DataTree.from_dict(parts)
    out.attrs = whole.attrs
    return Posterior.of(out)
