"""A posterior as it would stand without its last weeks, and a table whose last weeks repeat earlier ones."""

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


def going_on(table, weeks, period, horizon=0, columns=("tv_spend", "search_spend", "search_clicks")):
    """A table of `weeks` at whose end media do as in the `period` weeks before it and a horizon, over and over."""
    out = table.copy()
    for _, rows in table.groupby("geo").groups.items():
        first = len(rows) - weeks - horizon - period
        for week in range(weeks):
            out.loc[rows[len(rows) - weeks + week], list(columns)] = table.loc[
                rows[first + week % period], list(columns)
            ].to_numpy()
    return out
