"""Specifications that between them use every kind and option, with hand-made posteriors of each."""

from functools import cache

from tests.mmm_core.posteriors import SPEC, family_spec, posterior, weekly_table

_GEO = {"column": "geo", "population": "population"}
_CHANNELS = {
    "tv": {
        "spend": "tv_spend",
        "adstock": {"kind": "weibull_cdf", "l_max": 3},
        "saturation": {"kind": "michaelis_menten"},
    },
    "search": {
        "spend": "search_spend",
        "exposure": "search_clicks",
        "adstock": {"kind": "binomial"},
        "saturation": {"kind": "hill", "before_adstock": True},
    },
    "video": {"spend": "video_spend", "adstock": {"kind": "none"}, "saturation": {"kind": "none"}},
}
_ORDERS = {"column": "orders", "kind": "non_revenue"}

SPECS = {
    "plain": SPEC,
    "family": family_spec(),
    "family_log": family_spec(kpi={"column": "revenue", "scale": "log"}),
    "panel": family_spec(geo=_GEO, kpi={"column": "orders", "revenue_per_unit": "order_value"}),
    "panel_log_apart": family_spec(
        geo={**_GEO, "pooling": "none"}, kpi={**_ORDERS, "scale": "log"}, likelihood="normal"
    ),
    "other_kinds": {
        **SPEC,
        "kpi": _ORDERS,
        "media": {"defaults": {"adstock": {"l_max": 4}}, "channels": _CHANNELS},
        "baseline": {"slope": "constant"},
    },
    "other_kinds_log": {
        **SPEC,
        "kpi": {"column": "orders", "revenue_per_unit": "order_value", "scale": "log"},
        "media": {"defaults": {"adstock": {"l_max": 4}}, "channels": _CHANNELS},
    },
}
"""Names of the cases and their specifications."""


@cache
def case(name):
    """A posterior of 2 chains of 3 draws; not to be changed."""
    geos = ("a", "b", "c") if "geo" in SPECS[name] else ("all",)
    return posterior(SPECS[name], weekly_table(geos=geos), draws=3)
