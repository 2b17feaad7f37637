"""One market with a known truth: weekly spend and revenue made by a stated process.

For geo g, week t and channel c, everything per head of population N_g (a national market is one geo, `all`):

    revenue_gt / N_g = level_t + intercept_g + seasonality_gt + holidays_t + controls_t
                       + sum_c exp(eta_c z_gc) beta_c hill_c(adstock_c(spend_g.c / N_g))_t + noise_gt

* level: random walk, level_(t+1) - level_t ~ Normal(0, tau).
* intercept_g ~ Normal(0, 0.15 mu), summing to 0 over geos by population; 0 in a national market.
* seasonality: Fourier series of order 2 with a period of 365.25 days, its amplitude differing by geo (sd 15 %).
* holidays: a peak in the weeks around Black Friday and before Christmas.
* controls: linear in consumer confidence and in competitor spend (USD).
* adstock: sum_l w_l x_(t-l), w_l = alpha^l / sum_j alpha^j, l = 0..8, with real media before the first week of the table.
* hill(a) = a^s / (k^s + a^s). The half-saturation k is stated in units of the channel's mean weekly adstocked media per
  head (plain mean over the geo-weeks of the window).
* noise ~ Normal(0, sigma), per head.

There is no effect of media beyond l_max weeks, on the level or between channels.

Each seed draws its own truth: alpha ~ Beta(3, 3), k ~ LogNormal(0, 0.35), s ~ Uniform(0.8, 1.8), roi ~ LogNormal(0.2, 0.6),
eta ~ Uniform(0.1, 0.3) and the media's share of revenue ~ Uniform(0.15, 0.35). beta_c is then set so that
sum_gt contribution / sum_gt spend equals roi over the calibration window: by default the table's own weeks less its first
l_max, because those weeks serve a model as media history only.

Money is rounded to the cent of the billing currency before effects are computed, and revenue after; noise is what
remains, so the parts add up to the recorded revenue exactly (floating point aside). All amounts are USD.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import lfilter

from mmm_core.errors import InputError, nearest
from mmm_core.simulate.draws import ORIGIN, Draws, Window, check_seed, last_complete_week
from mmm_core.simulate.spend import channel_path

L_MAX = 8
DEFAULT_END = dt.date(2026, 11, 16)
FEWEST_WEEKS = 52
MART_CHANNELS = ("search", "meta", "tiktok", "linkedin", "tv", "ooh")
BASELINE_PARTS = ("level", "seasonality", "holidays", "controls")


@dataclass(frozen=True)
class ChannelKind:
    """How a channel is bought. `cost` is the price of 1000 impressions (of one GRP point for TV), in USD."""

    habit: str
    share: float  # of the media budget, before each seed varies it
    cost: float
    click_rate: float = 0.0


KINDS = {
    "search": ChannelKind("always_on", 0.24, 22.0, 0.045),
    "meta": ChannelKind("bursts", 0.22, 9.0, 0.011),
    "tiktok": ChannelKind("growth", 0.10, 5.5, 0.008),
    "linkedin": ChannelKind("quarterly", 0.08, 34.0, 0.006),
    "tv": ChannelKind("flights", 0.26, 950.0),
    "ooh": ChannelKind("posting", 0.10, 6.0),
    "youtube": ChannelKind("bursts", 0.12, 11.0, 0.004),
    "radio": ChannelKind("flights", 0.08, 8.0),
    "display": ChannelKind("always_on", 0.08, 3.5, 0.002),
    "print": ChannelKind("posting", 0.06, 14.0),
    "affiliates": ChannelKind("growth", 0.06, 18.0, 0.03),
    "podcast": ChannelKind("quarterly", 0.05, 24.0),
}


@dataclass(frozen=True)
class MarketKind:
    """A market's size and the bounds of its noise. `revenue` is USD a week and head of population."""

    weeks: int
    geos: int
    channels: tuple[str, ...]
    currency: str
    population: int
    revenue: float
    order_value: float
    sigma: tuple[float, float]  # bounds of the noise's standard deviation as a share of revenue
    linkedin_currency: str = "EUR"


MARKETS = {
    "us": MarketKind(208, 1, MART_CHANNELS, "USD", 334_900_000, 0.0080, 68.0, (0.015, 0.03)),
    "uk": MarketKind(156, 20, ("search", "meta", "tiktok", "tv", "ooh"), "GBP", 58_000_000, 0.030, 61.0, (0.03, 0.06)),
}


@dataclass(frozen=True)
class ChannelTruth:
    """True parameters of one channel, as realised over the table's weeks less the first l_max.

    roi: sum of contribution over sum of spend. half_saturation: in units of the mean weekly adstocked media per head.
    half_saturation_media: the same in USD a week and head. coefficient: beta, USD a week and head at full saturation.
    geo_spread: eta, the standard deviation of log effects across geos.
    """

    channel: str
    alpha: float
    half_saturation: float
    slope: float
    roi: float
    coefficient: float
    half_saturation_media: float
    geo_spread: float
    contribution: float
    spend: float


@dataclass(frozen=True)
class MarketTruth:
    """What made a market's revenue.

    weekly: Dataset over (geo, week[, channel]) in USD: contribution, spend, level, seasonality, holidays, controls,
        noise, revenue, with population (geo) beside them. level includes the geo's intercept.
    history: spend in the l_max weeks before the table, DataArray (geo, media_week, channel), USD.
    geo_effect: exp(eta_c z_gc), DataArray (geo, channel).
    sigma, tau: standard deviations of noise and of the level's weekly step, USD a week and head.
    """

    market: str
    seed: int
    channels: tuple[ChannelTruth, ...]
    weekly: xr.Dataset
    history: xr.DataArray
    geo_effect: xr.DataArray
    sigma: float
    tau: float
    consumer_confidence_effect: float  # USD a week and head, per index point
    competitor_spend_effect: float  # USD a week and head, per USD
    l_max: int = L_MAX

    def channel(self, name: str) -> ChannelTruth:
        known = {channel.channel: channel for channel in self.channels}
        if name not in known:
            raise InputError(f"Market '{self.market}' has no channel '{name}': {nearest(name, known)}")
        return known[name]

    def roi(self, first: int | None = None) -> pd.Series:
        """Contribution over spend by channel, from week number `first` of the table on (default l_max)."""
        kept = self.weekly.isel(week=slice(self.l_max if first is None else first, None))
        totals = kept[["contribution", "spend"]].sum(["geo", "week"])
        return (totals["contribution"] / totals["spend"]).to_series()

    def contribution(self, spend: xr.DataArray) -> xr.DataArray:
        """Replay the truth: contributions (geo, week, channel) in USD under another spend plan of the same shape.

        The media before the table stays what it was.
        """
        wanted = self.weekly["spend"]
        if spend.dims != wanted.dims or spend.shape != wanted.shape:
            raise InputError(f"A spend plan needs {wanted.dims} of shape {wanted.shape}, got {spend.dims} {spend.shape}.")
        media = np.concatenate([self.history.values, spend.values], axis=1)
        population = self.weekly["population"].values[:, None, None]
        effects = np.empty(spend.shape)
        for c, channel in enumerate(self.channels):
            carried = adstock(media[:, :, c] / population[:, :, 0], channel.alpha, self.l_max)[:, self.l_max :]
            effects[:, :, c] = channel.coefficient * hill(carried, channel.half_saturation_media, channel.slope)
        return spend.copy(data=effects * population * self.geo_effect.values[:, None, :])


@dataclass(frozen=True)
class Market:
    """A simulated market: the weekly table a modeller sees, the books behind it, and the truth.

    table: rows market x geo x week in the columns of the mart `mmm_model_table`; absent channels are null.
    books: Dataset over (geo, week[, channel]) of recorded whole numbers: spend_cents and revenue_cents in the billing
        currency, impressions (GRPs in tenths for TV), clicks, orders; and rates (week) to USD.
    """

    name: str
    seed: int
    window: Window
    currency: str
    table: pd.DataFrame
    books: xr.Dataset
    truth: MarketTruth


def adstock(media: np.ndarray, alpha: float, l_max: int = L_MAX) -> np.ndarray:
    """Normalised geometric adstock along the last axis; weeks before the first count as zero media."""
    weights = alpha ** np.arange(l_max + 1)
    return lfilter(weights / weights.sum(), [1.0], media, axis=-1)


def hill(media: np.ndarray, half_saturation: float, slope: float) -> np.ndarray:
    """media^slope / (half_saturation^slope + media^slope): 0 at 0, 1/2 at half_saturation, 1 at infinity."""
    powered = (media / half_saturation) ** slope
    return powered / (1 + powered)


def weekly_table(market: str = "us", seed: int = 0, **settings) -> tuple[pd.DataFrame, MarketTruth]:
    """The weekly table of a market and its truth; arguments as `simulate_market`."""
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
) -> Market:
    """Simulate market `us` (208 weeks, national, 6 channels) or `uk` (156 weeks, 20 geos, 5 channels) or any other size.

    Parameters
    ----------
    weeks, geos: size of the table; one geo is a national market.
    channels: names out of `KINDS`, or how many of them to take (past the named ones they are numbered).
    end: the last week is the last complete ISO week before this day.
    calibration: weeks over which each channel's drawn ROI and half-saturation hold exactly; default the table less l_max
        weeks. A fixed one keeps the past unchanged when `end` moves.
    holiday_peak: height of the Black Friday peak as a share of revenue.

    Raises InputError when an argument is out of range.
    """
    if market not in MARKETS:
        raise InputError(f"No market '{market}' is known to the simulator: {nearest(market, MARKETS)}")
    kind, seed = MARKETS[market], check_seed(seed)
    weeks = _count("weeks", kind.weeks if weeks is None else weeks, FEWEST_WEEKS)
    geos = _count("geos", kind.geos if geos is None else geos, 1)
    names = _channel_names(kind.channels if channels is None else channels)
    last = last_complete_week(end)
    window = Window(last - weeks + 1, weeks)
    if window.first < L_MAX:
        raise InputError(f"{weeks} weeks before {end} reach back past {ORIGIN}, where the calendar starts. Ask for fewer.")
    calibration = calibration or Window(window.first + L_MAX, weeks - L_MAX)
    if calibration.first < L_MAX:
        raise InputError(f"The calibration window must start {L_MAX} weeks after {ORIGIN} or later.")
    return _simulate(market, kind, seed, names, geos, window, calibration, holiday_peak)


def _simulate(
    market: str,
    kind: MarketKind,
    seed: int,
    names: tuple[str, ...],
    geos: int,
    window: Window,
    calibration: Window,
    holiday_peak: float,
) -> Market:
    draws = Draws(seed, market)
    horizon = max(window.last, calibration.last) + 1  # all paths run from the origin and are cut later
    reference, shown = calibration.indices, window.indices

    # Who lives there, and what a dollar is worth.
    population = _population(draws, kind.population, geos)
    rates = {currency: exchange_rate(seed, currency, horizon) for currency in ("USD", "EUR", "GBP")}

    # Baseline, per head. mu is the mean revenue per head that media does not explain.
    scalars = draws.generator("market")
    media_share = scalars.uniform(0.15, 0.35)
    mu = kind.revenue * (1 - media_share)
    tau = mu * np.exp(scalars.uniform(np.log(0.003), np.log(0.008)))
    sigma = mu * scalars.uniform(*kind.sigma)
    fourier = scalars.normal(0, [0.06, 0.06, 0.02, 0.02])
    confidence_effect = mu * scalars.normal(0.02, 0.008) / 4.0
    competitor_mean = population.sum() * kind.revenue * 0.15
    competitor_effect = -mu * abs(scalars.normal(0.03, 0.012)) / competitor_mean

    season = _fourier(horizon) @ fourier
    holidays = holiday_peak * holiday_shape(horizon)
    demand = season + holidays
    walk = np.cumsum(draws.normal("level", horizon))
    level = mu + tau * (walk - walk[reference[0]])
    intercept, amplitude = np.zeros(geos), np.ones(geos)
    if geos > 1:
        by_geo = draws.generator("geo baseline")
        intercept = mu * 0.15 * by_geo.standard_normal(geos)
        intercept -= np.average(intercept, weights=population)
        amplitude = 1 + 0.15 * by_geo.standard_normal(geos)
    confidence = np.round(100 + 4.0 * draws.autoregressive("consumer confidence", horizon, persistence=0.95), 1)
    rivals = np.exp(2.0 * demand + 0.35 * draws.autoregressive("competitor", horizon, persistence=0.6) - 0.06)
    competitor = np.round(competitor_mean * rivals)
    controls = confidence_effect * (confidence - 100) + competitor_effect * competitor

    # Parameters of the channels.
    C = len(names)
    alpha, half_saturation, slope, drawn_roi, spread, share = (np.empty(C) for _ in range(6))
    z = np.zeros((geos, C))
    for c, name in enumerate(names):
        rng = Draws(seed, f"{market}/{name}").generator("parameters")
        alpha[c] = rng.beta(3, 3)
        half_saturation[c] = rng.lognormal(0, 0.35)
        slope[c] = rng.uniform(0.8, 1.8)
        drawn_roi[c] = rng.lognormal(0.2, 0.6)
        share[c] = _kind(name).share * rng.lognormal(0, 0.25)
        spread[c] = rng.uniform(0.1, 0.3) if geos > 1 else 0.0
        z[:, c] = rng.standard_normal(geos) if geos > 1 else 0.0
    geo_effect = np.exp(spread * z)

    # Spend, recorded in cents of the billing currency. The budget makes media explain its share of revenue.
    budget = media_share / (1 - media_share) * mu * population.sum() / (drawn_roi @ share)
    cents = np.empty((horizon, geos, C), dtype=np.int64)
    spend = np.empty((horizon, geos, C))
    billing = [kind.linkedin_currency if name == "linkedin" else kind.currency for name in names]
    for c, name in enumerate(names):
        path = channel_path(Draws(seed, f"{market}/{name}"), _kind(name).habit, demand, geos, int(np.median(reference)))
        path /= np.average(path[reference], weights=population, axis=1).mean()
        rate = rates[billing[c]][:, None]
        cents[:, :, c] = np.rint(100 * budget * share[c] * path * population / population.sum() / rate)
        spend[:, :, c] = cents[:, :, c] / 100 * rate

    # Effects, scaled to the drawn ROI over the calibration window.
    per_head = (spend / population[:, None]).transpose(1, 2, 0)
    contribution = np.empty((horizon, geos, C))
    carried = np.empty((horizon, geos, C))
    threshold, coefficient = np.empty(C), np.empty(C)
    for c in range(C):
        carried[:, :, c] = adstock(per_head[:, c], alpha[c]).T
        threshold[c] = half_saturation[c] * carried[reference, :, c].mean()
        shape = hill(carried[:, :, c], threshold[c], slope[c]) * geo_effect[:, c] * population
        coefficient[c] = drawn_roi[c] * spend[reference, :, c].sum() / shape[reference].sum()
        contribution[:, :, c] = coefficient[c] * shape

    # Revenue, recorded in cents; the noise takes the rounding.
    heads = population[None, :]
    parts = {
        "level": (level[:, None] + intercept) * heads,
        "seasonality": mu * season[:, None] * amplitude * heads,
        "holidays": mu * holidays[:, None] * heads,
        "controls": controls[:, None] * heads,
    }
    expected = sum(parts.values()) + contribution.sum(axis=2)
    revenue = expected + sigma * draws.normal("noise", horizon, geos) * heads
    rate = rates[kind.currency][:, None]
    revenue_cents = np.rint(100 * revenue / rate).astype(np.int64)
    if revenue_cents[shown].min() <= 0:
        raise InputError(f"Seed {seed} gives market '{market}' a week without revenue. Take another seed or fewer weeks.")
    revenue = revenue_cents / 100 * rate
    order_value = kind.order_value * np.exp(
        0.0006 * (np.arange(horizon) - 1150) + 0.03 * draws.autoregressive("order value", horizon, persistence=0.9)
    )
    orders = np.maximum(1, np.rint(revenue / order_value[:, None])).astype(np.int64)
    impressions, clicks = _delivery(seed, market, names, spend, population)

    # Cut to the weeks of the table and label.
    def cut(values: np.ndarray) -> np.ndarray:
        return np.moveaxis(values[shown], 0, 1)

    geo_names = ["all"] if geos == 1 else [f"g{number:02d}" for number in range(1, geos + 1)]
    coordinates = {"geo": geo_names, "week": window.dates, "channel": list(names)}
    dims = ("geo", "week", "channel")
    weekly = xr.Dataset(
        {
            "contribution": (dims, cut(contribution)),
            "spend": (dims, cut(spend)),
            **{part: (dims[:2], cut(values)) for part, values in parts.items()},
            "noise": (dims[:2], cut(revenue - expected)),
            "revenue": (dims[:2], cut(revenue)),
            "population": ("geo", population),
            "consumer_confidence": ("week", confidence[shown]),
            "competitor_spend": ("week", competitor[shown]),
        },
        coords=coordinates,
    )
    books = xr.Dataset(
        {
            "spend_cents": (dims, cut(cents)),
            "impressions": (dims, cut(impressions)),
            "clicks": (dims, cut(clicks)),
            "revenue_cents": (dims[:2], cut(revenue_cents)),
            "orders": (dims[:2], cut(orders)),
            "billing_currency": ("channel", billing),
            "eur_rate": ("week", rates["EUR"][shown]),
            "gbp_rate": ("week", rates["GBP"][shown]),
            "population": ("geo", population),
        },
        coords=coordinates,
    )
    modelled = shown[L_MAX:]
    totals = {"contribution": contribution[modelled].sum((0, 1)), "spend": spend[modelled].sum((0, 1))}
    truths = tuple(
        ChannelTruth(
            channel=name,
            alpha=float(alpha[c]),
            half_saturation=float(threshold[c] / carried[modelled, :, c].mean()),
            slope=float(slope[c]),
            roi=float(totals["contribution"][c] / totals["spend"][c]),
            coefficient=float(coefficient[c]),
            half_saturation_media=float(threshold[c]),
            geo_spread=float(spread[c]),
            contribution=float(totals["contribution"][c]),
            spend=float(totals["spend"][c]),
        )
        for c, name in enumerate(names)
    )
    before = np.arange(window.first - L_MAX, window.first)
    history = xr.DataArray(
        np.moveaxis(spend[before], 0, 1),
        dims=("geo", "media_week", "channel"),
        coords={"geo": geo_names, "media_week": Window(window.first - L_MAX, L_MAX).dates, "channel": list(names)},
    )
    truth = MarketTruth(
        market=market,
        seed=seed,
        channels=truths,
        weekly=weekly,
        history=history,
        geo_effect=xr.DataArray(geo_effect, dims=("geo", "channel"), coords={"geo": geo_names, "channel": list(names)}),
        sigma=float(sigma),
        tau=float(tau),
        consumer_confidence_effect=float(confidence_effect),
        competitor_spend_effect=float(competitor_effect),
    )
    return Market(market, seed, window, kind.currency, _table(market, weekly, books), books, truth)


def _table(market: str, weekly: xr.Dataset, books: xr.Dataset) -> pd.DataFrame:
    """Rows geo x week in the columns of the mart `mmm_model_table`."""
    geos, weeks = weekly.sizes["geo"], weekly.sizes["week"]
    table = pd.DataFrame(
        {
            "market": market,
            "geo": np.repeat(weekly["geo"].values.astype(object), weeks),
            "week_start": np.tile(weekly["week"].values, geos),
            "population": np.repeat(weekly["population"].values, weeks),
            "revenue": weekly["revenue"].values.ravel(),
            "orders": books["orders"].values.ravel(),
            "average_order_value": (weekly["revenue"] / books["orders"]).values.ravel(),
        }
    )
    present = list(weekly["channel"].values)
    for name in dict.fromkeys([*MART_CHANNELS, *present]):
        if name in present:
            unit = 0.1 if name == "tv" else 1.0  # GRPs are booked in tenths
            table[f"{name}_spend"] = weekly["spend"].sel(channel=name).values.ravel()
            table[f"{name}_impressions"] = np.round(books["impressions"].sel(channel=name).values.ravel() * unit, 1)
        else:
            table[f"{name}_spend"] = np.nan
            table[f"{name}_impressions"] = np.nan
    table["consumer_confidence"] = np.tile(weekly["consumer_confidence"].values, geos)
    table["competitor_spend"] = np.tile(weekly["competitor_spend"].values, geos)
    return table


def _delivery(
    seed: int, market: str, names: tuple[str, ...], spend: np.ndarray, population: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Impressions (GRPs in tenths for TV) and clicks bought with the spend, at prices that drift: (weeks, geos, channel)."""
    geos = len(population)
    impressions, clicks = np.zeros(spend.shape, dtype=np.int64), np.zeros(spend.shape, dtype=np.int64)
    for c, name in enumerate(names):
        kind, draws = _kind(name), Draws(seed, f"{market}/{name}")
        price = kind.cost * np.exp(0.1 * draws.autoregressive("price", len(spend), geos, persistence=0.9))
        unit = 1000.0
        if name == "tv":  # a rating point is one percent of a geo's people, so it costs more where more live
            unit = 10 * population.sum() / population
        bought = np.rint(spend[:, :, c] / price * unit).astype(np.int64)
        impressions[:, :, c] = np.where(spend[:, :, c] > 0, np.maximum(bought, 1), 0)
        rate = kind.click_rate * np.exp(0.1 * draws.autoregressive("click rate", len(spend), geos, persistence=0.8))
        clicks[:, :, c] = np.rint(impressions[:, :, c] * rate).astype(np.int64)
    return impressions, clicks


def exchange_rate(seed: int, currency: str, weeks: int) -> np.ndarray:
    """USD for one unit of a currency in each week from the origin, rounded to four decimals, shape (weeks,)."""
    middle = {"USD": 1.0, "EUR": 1.09, "GBP": 1.27}[currency]
    if currency == "USD":
        return np.ones(weeks)
    drift = Draws(seed, "exchange rates").autoregressive(currency, weeks, persistence=0.98)
    return np.round(middle * np.exp(0.03 * drift), 4)


def holiday_shape(weeks: int) -> np.ndarray:
    """The retail peak of each week from the origin, 1 in Black Friday's week, shape (weeks,)."""
    shape = np.zeros(weeks)
    for year in range(ORIGIN.year, ORIGIN.year + weeks // 52 + 2):
        november = dt.date(year, 11, 1)
        thanksgiving = november + dt.timedelta((3 - november.weekday()) % 7 + 21)
        peak = (thanksgiving - ORIGIN).days // 7
        christmas = (dt.date(year, 12, 24) - ORIGIN).days // 7
        for week, height in ((peak - 1, 0.3), (peak, 1.0), (peak + 1, 0.6), (christmas - 2, 0.4), (christmas - 1, 0.5)):
            if week < weeks:
                shape[week] = height
    return shape


def _fourier(weeks: int) -> np.ndarray:
    """Sine and cosine of the first two yearly harmonics, shape (weeks, 4)."""
    angle = 2 * np.pi * 7 * np.arange(weeks) / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])


def _population(draws: Draws, total: int, geos: int) -> np.ndarray:
    """People in each geo, a long-tailed split of the market's total, shape (geos,)."""
    if geos == 1:
        return np.array([total])
    weights = np.exp(0.5 * draws.generator("population").standard_normal(geos))
    return np.maximum(np.rint(total * weights / weights.sum() / 100).astype(np.int64) * 100, 1000)


def _kind(name: str) -> ChannelKind:
    """A named channel's kind; numbered channels take turns through the named ones."""
    if name in KINDS:
        return KINDS[name]
    return list(KINDS.values())[int(name.removeprefix("channel_")) % len(KINDS)]


def _channel_names(channels: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(channels, (int, np.integer)):
        count = _count("channels", channels, 1)
        numbered = [f"channel_{number}" for number in range(len(KINDS) + 1, count + 1)]
        return tuple([*KINDS][:count] + numbered)
    names = tuple(channels)
    for name in names:
        if name not in KINDS:
            raise InputError(f"No channel '{name}' is known to the simulator: {nearest(name, KINDS)}")
    if not names or len(set(names)) != len(names):
        raise InputError(f"channels must name at least one channel, each once; got {', '.join(names) or 'none'}.")
    return names


def _count(name: str, value: int, fewest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < fewest:
        raise InputError(f"{name} must be a whole number of {fewest} or more, got {value!r}.")
    return int(value)
