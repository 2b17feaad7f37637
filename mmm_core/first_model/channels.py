"""Channels of a table: spend and the exposure it bought, by what is left of their names.

Exposure without spend is organic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmm_core.first_model import words
from mmm_core.first_model.roles import Guess

PREFERRED = ("exposure", "clicks")
"""What of a channel is modelled where several columns say how much of it was seen."""


@dataclass(frozen=True)
class ChannelGuess:
    """A channel and its columns.

    Attributes:
        spend: None of an organic channel.
        exposure: modelled in place of the spend; reach and frequency in place of both.
        spare: further columns of it that are not read.
    """

    name: str
    spend: str | None
    exposure: str | None = None
    reach: str | None = None
    frequency: str | None = None
    spare: tuple[str, ...] = ()

    @property
    def entry(self) -> dict[str, str]:
        """Its line in the YAML."""
        keys = {
            "spend": self.spend,
            "exposure": self.exposure,
            "reach": self.reach,
            "frequency": self.frequency,
        }
        return {key: column for key, column in keys.items() if column}

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        return tuple(self.entry.values())


def channels_of(found: Mapping[str, Guess]) -> tuple[list[ChannelGuess], list[ChannelGuess]]:
    """Paid and organic channels, in the order of their first columns."""
    media = ("spend", "exposure", "clicks", "reach", "frequency", "organic")
    by_stem: dict[str, dict[str, list[str]]] = {}
    for name, guess in found.items():
        if guess.role in media:
            by_stem.setdefault(words.stem(name) or name.lower(), {}).setdefault(guess.role, []).append(name)
    paid, organic = [], []
    for stem, columns in by_stem.items():
        channel = _channel(stem, columns)
        if channel.spend:
            paid.append(channel)
        elif channel.columns:
            organic.append(channel)
    return paid, organic


def _channel(stem: str, columns: Mapping[str, list[str]]) -> ChannelGuess:
    spend = columns.get("spend", [None])[0]
    exposures = [name for role in (*PREFERRED, "organic") for name in columns.get(role, ())]
    reach, frequency = columns.get("reach", [None])[0], columns.get("frequency", [None])[0]
    everything = [name for names in columns.values() for name in names]
    if reach and frequency:
        used = {spend, reach, frequency}
        guess = ChannelGuess(_safe(stem), spend, None, reach, frequency)
    else:
        exposure = exposures[0] if exposures else reach
        used = {spend, exposure}
        guess = ChannelGuess(_safe(stem), spend, exposure)
    return ChannelGuess(
        guess.name, guess.spend, guess.exposure, guess.reach, guess.frequency,
        tuple(name for name in everything if name not in used),
    )  # fmt: skip


def _safe(stem: str) -> str:
    return "default_channel" if stem == "default" else stem
