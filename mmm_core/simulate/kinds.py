"""What markets and channels of the sample world are like, before a seed makes each one different."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChannelKind:
    """How a channel is bought.

    habit: how it spends over time, a key of `spend.HABITS`.
    share: of the media budget, before each seed varies it.
    cost: USD for 1000 impressions; for TV, for one rating point of the whole market.
    click_rate: clicks for one impression, 0 offline.
    """

    habit: str
    share: float
    cost: float
    click_rate: float = 0.0


CHANNELS = {
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
MART_CHANNELS = ("search", "meta", "tiktok", "linkedin", "tv", "ooh")
NUMBERED = "channel_"  # channels past the named ones: channel_13, channel_14, ...


def channel_kind(name: str) -> ChannelKind:
    """A named channel's kind; numbered channels take turns through the named ones."""
    if name in CHANNELS:
        return CHANNELS[name]
    return list(CHANNELS.values())[(int(name.removeprefix(NUMBERED)) - 1) % len(CHANNELS)]


@dataclass(frozen=True)
class MarketKind:
    """A market's usual size.

    revenue: USD a week and head of population. order_value: USD, around the year 2022.
    sigma: bounds of the noise's standard deviation as a share of the baseline per head.
    currency: that shop and media are billed in; `billed_elsewhere` names the channels with another one.
    """

    weeks: int
    geos: int
    channels: tuple[str, ...]
    currency: str
    population: int
    revenue: float
    order_value: float
    sigma: tuple[float, float]
    billed_elsewhere: tuple[tuple[str, str], ...] = (("linkedin", "EUR"),)

    def billing_currency(self, channel: str) -> str:
        """Currency that a channel's account is billed in."""
        return dict(self.billed_elsewhere).get(channel, self.currency)


MARKETS = {
    "us": MarketKind(208, 1, MART_CHANNELS, "USD", 334_900_000, 0.0080, 68.0, (0.015, 0.03)),
    "uk": MarketKind(
        156, 20, ("search", "meta", "tiktok", "tv", "ooh"), "GBP", 58_000_000, 0.030, 61.0, (0.05, 0.10)
    ),
}
