"""The process that makes spend and revenue, every step of it known.

For geo g, week t and channel c, everything per head of population N_g (a national market is one geo, `all`):

    revenue_gt / N_g = level_t + intercept_g + seasonality_gt + holidays_t + controls_t + brand_t
                       + sum_c exp(eta_c z_gc) beta_c hill_c(adstock_c(spend_gc / N_g))_t + noise_gt

* level: random walk, level_(t+1) - level_t ~ Normal(0, tau), tau 0.3 to 0.8 % of its mean mu.
* intercept_g ~ Normal(0, 0.15 mu), summing to 0 over people; 0 in a national market.
* seasonality: Fourier series of order 2 with a period of 365.25 days, its amplitude differing by geo (sd 15 %).
* holidays: a peak in the week of Black Friday, the one after and the two before Christmas: `calendar.HOLIDAYS`.
* controls: linear in consumer confidence and in competitor spend.
* adstock: sum_l w_l x_(t-l), w_l = alpha^l / sum_j alpha^j, l = 0..8, with real media before the first week.
* hill(a) = a^s / (k^s + a^s). The half-saturation k is stated in units of the channel's mean weekly adstocked
  media per head (plain mean over geo-weeks).
* noise ~ Normal(0, sigma).

* brand: what a brand better known than usual sells, built by media over months: `brand`. 0 unless asked for.

Apart from the brand, media has no effect beyond l_max weeks; it has none on the level and none on other media. Budgets
follow the season, so media is confounded with it, but not with level or noise.

Each seed draws its own truth: alpha ~ Beta(3, 3), k ~ LogNormal(0, 0.35), s ~ Uniform(0.8, 1.8), roi ~
LogNormal(0.2, 0.6), eta ~ Uniform(0.1, 0.3), z ~ Normal(0, 1) and the media's share of revenue ~ Uniform(0.15, 0.35).
The budget is what makes media explain that share. beta_c is set so that sum_gt contribution / sum_gt spend equals roi
over the calibration window: by default the table's weeks less the first l_max, which serve a model as media history
only. With another window (a fixed one keeps the past the same when the table grows) the truth still states what holds
over the table's own weeks.

Money is recorded in whole cents of the billing currency, spend before effects are computed, revenue after; the noise is
what remains, so the parts add up to the recorded revenue. All amounts are USD unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmm_core.simulate.calendar import fourier_terms, holiday_shape
from mmm_core.simulate.draws import Draws, Window
from mmm_core.simulate.kinds import MarketKind, channel_kind
from mmm_core.simulate.spend import channel_path
from mmm_core.simulate.truth import adstock, hill


def make_population(draws: Draws, total: int, geos: int) -> np.ndarray:
    """People in each geo, a long-tailed split of the market's total in hundreds, shape (geos,)."""
    if geos == 1:
        return np.array([total])
    weights = np.exp(0.5 * draws.generator("population").standard_normal(geos))
    return 100 * np.maximum(np.rint(total / 100 * weights / weights.sum()), 10).astype(np.int64)


@dataclass(frozen=True)
class SimulatedBaseline:
    """Revenue per head without media. Arrays run over the horizon: parts (weeks, geos), the rest (weeks,)."""

    parts: dict[str, np.ndarray]
    demand: np.ndarray  # expected seasonal and holiday deviation, as a share
    confidence: np.ndarray
    competitor: np.ndarray
    mean: float
    media_share: float
    sigma: float
    tau: float
    confidence_effect: float
    competitor_effect: float


@dataclass(frozen=True)
class SimulatedMedia:
    """Spend and effect. Arrays run over (weeks, geos, channels), (geos, channels) or (channels,)."""

    names: tuple[str, ...]
    spend_cents: np.ndarray
    spend: np.ndarray
    carried: np.ndarray  # adstocked spend per head
    contribution: np.ndarray
    impressions: np.ndarray
    clicks: np.ndarray
    geo_effect: np.ndarray
    alpha: np.ndarray
    slope: np.ndarray
    spread: np.ndarray
    half_saturation: np.ndarray  # USD a week and head
    coefficient: np.ndarray


@dataclass(frozen=True)
class Sales:
    """What the shop recorded, (weeks, geos)."""

    revenue_cents: np.ndarray
    revenue: np.ndarray
    noise: np.ndarray
    orders: np.ndarray


def make_baseline(
    draws: Draws,
    kind: MarketKind,
    population: np.ndarray,
    horizon: int,
    calibration: Window,
    holiday_peak: float,
) -> SimulatedBaseline:
    """Draw the level, season, holidays and controls of a market over the horizon, USD a week and head."""
    geos, people = len(population), population.sum()
    scalars = draws.generator("baseline")
    media_share = scalars.uniform(0.15, 0.35)
    mean = kind.revenue * (1 - media_share)
    tau = mean * np.exp(scalars.uniform(np.log(0.003), np.log(0.008)))
    sigma = mean * scalars.uniform(*kind.sigma)
    season = (fourier_terms(horizon) * scalars.normal(0, [0.06, 0.06, 0.02, 0.02])).sum(axis=1)
    holidays = holiday_peak * holiday_shape(horizon)
    demand = season + holidays

    walk = np.cumsum(draws.normal("level", horizon))
    level = mean + tau * (walk - walk[calibration.first])
    intercept, amplitude = np.zeros(geos), np.ones(geos)
    if geos > 1:
        intercept = 0.15 * mean * draws.generator("intercept by geo").standard_normal(geos)
        intercept -= np.average(intercept, weights=population)
        amplitude = 1 + 0.15 * draws.generator("season by geo").standard_normal(geos)

    rivals = np.exp(2 * demand + 0.35 * draws.autoregressive("competitor spend", horizon, persistence=0.6))
    usual_rivals = 0.15 * kind.revenue * people
    competitor = np.round(usual_rivals * rivals)
    confidence = np.round(100 + 4 * draws.autoregressive("consumer confidence", horizon, persistence=0.95), 1)
    confidence_effect = mean * scalars.normal(0.02, 0.008) / 4
    competitor_effect = -mean * abs(scalars.normal(0.03, 0.012)) / usual_rivals
    controls = confidence_effect * (confidence - 100) + competitor_effect * competitor
    everywhere = np.ones(geos)
    return SimulatedBaseline(
        parts={
            "level": level[:, None] + intercept,
            "seasonality": mean * season[:, None] * amplitude,
            "holidays": mean * holidays[:, None] * everywhere,
            "controls": controls[:, None] * everywhere,
        },
        demand=demand,
        confidence=confidence,
        competitor=competitor,
        mean=mean,
        media_share=media_share,
        sigma=sigma,
        tau=tau,
        confidence_effect=confidence_effect,
        competitor_effect=competitor_effect,
    )


def make_media(
    draws: Draws,
    kind: MarketKind,
    names: tuple[str, ...],
    population: np.ndarray,
    baseline: SimulatedBaseline,
    rates: dict[str, np.ndarray],
    calibration: Window,
) -> SimulatedMedia:
    """Draw each channel's parameters and spend, and scale its effect to the ROI drawn for it."""
    weeks, geos, channels = len(baseline.demand), len(population), len(names)
    reference, people = calibration.indices, population.sum()
    streams = [Draws(draws.seed, f"{draws.scope}/{name}") for name in names]

    alpha, saturation, slope, roi, share, spread = (np.zeros(channels) for _ in range(6))
    geo_effect = np.ones((geos, channels))
    for c, stream in enumerate(streams):
        drawn = stream.generator("parameters")
        alpha[c], saturation[c], slope[c] = (
            drawn.beta(3, 3),
            drawn.lognormal(0, 0.35),
            drawn.uniform(0.8, 1.8),
        )
        roi[c] = drawn.lognormal(0.2, 0.6)
        share[c] = channel_kind(names[c]).share * drawn.lognormal(0, 0.25)
        if geos > 1:
            spread[c] = drawn.uniform(0.1, 0.3)
            geo_effect[:, c] = np.exp(spread[c] * drawn.standard_normal(geos))

    # The budget that makes media explain its share of revenue, spent along each channel's path.
    explained = baseline.media_share / (1 - baseline.media_share) * baseline.mean * people
    budgets = explained / (roi @ share) * share
    panel = (weeks, geos, channels)
    cents, impressions, clicks = (np.zeros(panel, dtype=np.int64) for _ in range(3))
    spend, carried, contribution = (np.zeros(panel) for _ in range(3))
    half_saturation, coefficient = np.zeros(channels), np.zeros(channels)
    middle = calibration.first + calibration.weeks // 2
    for c, (name, stream) in enumerate(zip(names, streams, strict=True)):
        path = channel_path(stream, channel_kind(name).habit, baseline.demand, geos, middle)
        path /= (path[reference] @ population / people).mean()
        rate = rates[kind.billing_currency(name)][:, None]
        cents[:, :, c] = np.rint(100 * budgets[c] * path * population / people / rate)
        spend[:, :, c] = cents[:, :, c] / 100 * rate
        impressions[:, :, c], clicks[:, :, c] = _delivery(stream, name, spend[:, :, c], population)

        carried[:, :, c] = adstock(spend[:, :, c] / population, alpha[c])
        half_saturation[c] = saturation[c] * carried[reference, :, c].mean()
        effect = hill(carried[:, :, c], half_saturation[c], slope[c]) * geo_effect[:, c] * population
        coefficient[c] = roi[c] * spend[reference, :, c].sum() / effect[reference].sum()
        contribution[:, :, c] = coefficient[c] * effect
    return SimulatedMedia(
        names=names,
        spend_cents=cents,
        spend=spend,
        carried=carried,
        contribution=contribution,
        impressions=impressions,
        clicks=clicks,
        geo_effect=geo_effect,
        alpha=alpha,
        slope=slope,
        spread=spread,
        half_saturation=half_saturation,
        coefficient=coefficient,
    )


def _delivery(
    draws: Draws, name: str, spend: np.ndarray, population: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Impressions (rating points in tenths for TV) and clicks bought at prices that drift, each (weeks, geos)."""
    kind, (weeks, geos) = channel_kind(name), spend.shape
    price = kind.cost * np.exp(0.1 * draws.autoregressive("price", weeks, geos, persistence=0.9))
    # A rating point is one percent of a geo's people, so it costs more where more live.
    unit = 10 * population.sum() / population if name == "tv" else 1000.0
    bought = np.rint(spend / price * unit).astype(np.int64)
    impressions = np.where(spend > 0, np.maximum(bought, 1), 0)
    rate = kind.click_rate * np.exp(0.1 * draws.autoregressive("click rate", weeks, geos, persistence=0.8))
    return impressions, np.rint(impressions * rate).astype(np.int64)


def make_sales(
    draws: Draws,
    kind: MarketKind,
    population: np.ndarray,
    baseline: SimulatedBaseline,
    media: SimulatedMedia,
    brand: np.ndarray,
    rate: np.ndarray,
) -> Sales:
    """Add noise to what is expected, and record revenue in whole cents and whole orders."""
    weeks, geos = len(rate), len(population)
    expected = (sum(baseline.parts.values()) + brand[:, None]) * population + media.contribution.sum(axis=2)
    noise = baseline.sigma * draws.normal("noise", weeks, geos) * population
    cents = np.rint(100 * (expected + noise) / rate[:, None]).astype(np.int64)
    revenue = cents / 100 * rate[:, None]
    # Baskets grow about 3 % a year, with swings.
    years = (np.arange(weeks) - 1150) / 52.18
    order_value = kind.order_value * np.exp(
        0.03 * years + 0.03 * draws.autoregressive("order value", weeks, persistence=0.9)
    )
    orders = np.maximum(1, np.rint(revenue / order_value[:, None])).astype(np.int64)
    return Sales(revenue_cents=cents, revenue=revenue, noise=revenue - expected, orders=orders)
