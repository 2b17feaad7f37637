"""A simulated market: the weekly table a modeller sees, what was recorded, and the truth. See `process` for how."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, nearest
from mmm_core.simulate.brand import SimulatedBrand, make_brand
from mmm_core.simulate.calendar import exchange_rate
from mmm_core.simulate.draws import ORIGIN, Draws, Window, check_seed, last_complete_week
from mmm_core.simulate.kinds import CHANNELS, MARKETS, MART_CHANNELS, NUMBERED, MarketKind
from mmm_core.simulate.process import (
    Sales,
    SimulatedBaseline,
    SimulatedMedia,
    make_baseline,
    make_media,
    make_population,
    make_sales,
)
from mmm_core.simulate.truth import L_MAX, ChannelTruth, MarketTruth

DEFAULT_END = dt.date(2026, 11, 16)
FEWEST_WEEKS = 52


@dataclass(frozen=True)
class Market:
    """A simulated market: the weekly table a modeller sees, the books behind it, and the truth.

    table: rows geo x week in the columns of the mart `mmm_model_table`; channels the market has not are null.
    books: Dataset of what was recorded. Over (geo, week, channel) whole numbers: spend_cents in the billing currency,
        impressions (rating points in tenths for TV) and clicks; over (geo, week): revenue_cents and orders; over
        (channel): billing_currency; over (week): awareness and consideration (true shares), and the USD for one EUR and
        one GBP in eur_rate and gbp_rate.
    """

    name: str
    seed: int
    window: Window
    currency: str
    table: pd.DataFrame
    books: xr.Dataset
    truth: MarketTruth


def weekly_table(market: str = "us", seed: int = 0, **settings: Any) -> tuple[pd.DataFrame, MarketTruth]:
    """The weekly table of a market and its truth; settings as for `simulate_market`."""
    simulated = simulate_market(market, seed, **settings)
    return simulated.table, simulated.truth


def simulate_market(
    market: str = "us",
    seed: int = 0,
    *,
    weeks: int | None = None,
    geos: int | None = None,
    channels: int | Sequence[str] | None = None,
    end: dt.date = DEFAULT_END,
    calibration: Window | None = None,
    holiday_peak: float = 0.10,
    long_term: bool = False,
) -> Market:
    """Simulate `us` (national, 208 weeks, 6 channels) or `uk` (20 geos, 156 weeks, 5 channels), or any other size.

    Args:
        market: `us` or `uk`.
        seed: whole number; each draws its own truth.
        weeks: length of the table, 52 or more.
        geos: one is a national market.
        channels: names out of `kinds.CHANNELS`, or how many of them to take (past the named ones they are numbered).
        end: the last week is the last complete ISO week before this day.
        calibration: weeks over which the drawn ROI and half-saturation hold exactly.
        holiday_peak: height of Black Friday's week as a share of the baseline.
        long_term: whether media also sell by way of the brand, for months: see `brand`. Revenue moves by that part, and
            all else stays as it is without.

    Raises:
        InputError: an argument is out of range, or the seed gives a week without revenue.
    """
    if market not in MARKETS:
        raise InputError(f"The simulator knows no market '{market}': {nearest(market, MARKETS)}")
    kind, seed = MARKETS[market], check_seed(seed)
    weeks = _count("weeks", kind.weeks if weeks is None else weeks, FEWEST_WEEKS)
    geos = _count("geos", kind.geos if geos is None else geos, 1)
    names = _channel_names(kind.channels if channels is None else channels)
    last = last_complete_week(end)
    window = Window(last - weeks + 1, weeks)
    calibration = calibration or Window(window.first + L_MAX, weeks - L_MAX)
    if min(window.first, calibration.first) < L_MAX:
        raise InputError(
            f"{weeks} weeks before {end} reach back past {ORIGIN}, where the calendar starts: ask for fewer."
        )

    # Every path runs from the origin of the calendar and is cut to the window last: see `draws`.
    horizon = max(window.last, calibration.last) + 1
    draws = Draws(seed, market)
    rates = {currency: exchange_rate(seed, currency, horizon) for currency in ("USD", "EUR", "GBP")}
    population = make_population(draws, kind.population, geos)
    baseline = make_baseline(draws, kind, population, horizon, calibration, holiday_peak)
    media = make_media(draws, kind, names, population, baseline, rates, calibration)
    brand = make_brand(draws, names, media.spend, population, calibration, long_term)
    sales = make_sales(draws, kind, population, baseline, media, brand.part, rates[kind.currency])
    if sales.revenue_cents[window.indices].min() <= 0:
        raise InputError(
            f"Seed {seed} gives market '{market}' a week without revenue: take another seed or fewer weeks."
        )
    return _assemble(market, kind, seed, window, population, baseline, media, brand, sales, rates)


def _assemble(
    market: str,
    kind: MarketKind,
    seed: int,
    window: Window,
    population: np.ndarray,
    baseline: SimulatedBaseline,
    media: SimulatedMedia,
    brand: SimulatedBrand,
    sales: Sales,
    rates: dict[str, np.ndarray],
) -> Market:
    """Cut every path to the window and label it."""
    geo_names = (
        ["all"] if len(population) == 1 else [f"g{number:02d}" for number in range(1, len(population) + 1)]
    )
    coords = {"geo": geo_names, "week": window.dates, "channel": list(media.names)}
    by_channel, by_geo = ("geo", "week", "channel"), ("geo", "week")

    def shown(values: np.ndarray, weeks: np.ndarray = window.indices) -> np.ndarray:
        return np.moveaxis(values[weeks], 0, 1) if values.ndim > 1 else values[weeks]

    weekly = xr.Dataset(
        {
            "contribution": (by_channel, shown(media.contribution)),
            "brand_contribution": (by_channel, shown(brand.contribution)),
            "spend": (by_channel, shown(media.spend)),
            **{part: (by_geo, shown(values * population)) for part, values in baseline.parts.items()},
            "brand": (by_geo, shown(brand.part[:, None] * population)),
            "noise": (by_geo, shown(sales.noise)),
            "revenue": (by_geo, shown(sales.revenue)),
            "population": ("geo", population),
            "consumer_confidence": ("week", shown(baseline.confidence)),
            "competitor_spend": ("week", shown(baseline.competitor)),
        },
        coords,
    )
    books = xr.Dataset(
        {
            "spend_cents": (by_channel, shown(media.spend_cents)),
            "impressions": (by_channel, shown(media.impressions)),
            "clicks": (by_channel, shown(media.clicks)),
            "revenue_cents": (by_geo, shown(sales.revenue_cents)),
            "orders": (by_geo, shown(sales.orders)),
            "billing_currency": ("channel", [kind.billing_currency(name) for name in media.names]),
            "eur_rate": ("week", shown(rates["EUR"])),
            "gbp_rate": ("week", shown(rates["GBP"])),
            **{metric: ("week", shown(share)) for metric, share in brand.shares.items()},
        },
        coords,
    )
    earlier = Window(window.first - L_MAX, L_MAX)
    truth = MarketTruth(
        market=market,
        seed=seed,
        channels=_channel_truths(media, brand, window.indices[L_MAX:]),
        weekly=weekly,
        history=xr.DataArray(
            shown(media.spend, earlier.indices), {**coords, "week": earlier.dates}, by_channel, name="spend"
        ),
        geo_effect=xr.DataArray(
            media.geo_effect, {"geo": geo_names, "channel": list(media.names)}, ("geo", "channel")
        ),
        sigma=float(baseline.sigma),
        tau=float(baseline.tau),
        consumer_confidence_effect=float(baseline.confidence_effect),
        competitor_spend_effect=float(baseline.competitor_effect),
    )
    return Market(market, seed, window, kind.currency, _table(market, weekly, books), books, truth)


def _channel_truths(
    media: SimulatedMedia, brand: SimulatedBrand, weeks: np.ndarray
) -> tuple[ChannelTruth, ...]:
    """Parameters as realised over the given weeks."""
    contribution, spend = media.contribution[weeks].sum((0, 1)), media.spend[weeks].sum((0, 1))
    usual = media.carried[weeks].mean((0, 1))
    return tuple(
        ChannelTruth(
            channel=name,
            alpha=float(media.alpha[c]),
            half_saturation=float(media.half_saturation[c] / usual[c]),
            slope=float(media.slope[c]),
            roi=float(contribution[c] / spend[c]),
            contribution=float(contribution[c]),
            spend=float(spend[c]),
            coefficient=float(media.coefficient[c]),
            half_saturation_media=float(media.half_saturation[c]),
            geo_spread=float(media.spread[c]),
            long_run_roi=float(brand.long_run_roi[c]),
        )
        for c, name in enumerate(media.names)
    )


def _table(market: str, weekly: xr.Dataset, books: xr.Dataset) -> pd.DataFrame:
    """Rows geo x week in the columns of the mart `mmm_model_table`."""
    geos, weeks = weekly.sizes["geo"], weekly.sizes["week"]
    columns: dict[str, Any] = {
        "market": market,
        "geo": np.repeat(weekly["geo"].values.astype(object), weeks),
        "week_start": np.tile(weekly["week"].values, geos),
        "population": np.repeat(weekly["population"].values, weeks),
        "revenue": weekly["revenue"].values.ravel(),
        "orders": books["orders"].values.ravel(),
        "average_order_value": (weekly["revenue"] / books["orders"]).values.ravel(),
    }
    present = [str(name) for name in weekly["channel"].values]
    for name in dict.fromkeys([*MART_CHANNELS, *present]):
        spend = impressions = np.full(geos * weeks, np.nan)
        if name in present:
            spend = weekly["spend"].sel(channel=name).values.ravel()
            impressions = books["impressions"].sel(channel=name).values.ravel() / (10 if name == "tv" else 1)
        columns |= {f"{name}_spend": spend, f"{name}_impressions": impressions}
    columns["consumer_confidence"] = np.tile(weekly["consumer_confidence"].values, geos)
    columns["competitor_spend"] = np.tile(weekly["competitor_spend"].values, geos)
    return pd.DataFrame(columns)


def _channel_names(channels: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(channels, (int, np.integer)):
        count = _count("channels", channels, 1)
        return tuple(
            [*CHANNELS][:count] + [f"{NUMBERED}{number}" for number in range(len(CHANNELS) + 1, count + 1)]
        )
    names = tuple(channels)
    for name in names:
        if name not in CHANNELS:
            raise InputError(f"The simulator knows no channel '{name}': {nearest(name, CHANNELS)}")
    if not names or len(set(names)) != len(names):
        raise InputError(
            f"channels must name at least one channel, each once; got {', '.join(names) or 'none'}."
        )
    return names


def _count(name: str, value: int, fewest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < fewest:
        raise InputError(f"{name} must be a whole number of {fewest} or more, got {value!r}.")
    return int(value)
