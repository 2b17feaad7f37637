"""`sources.yaml`: which sources a company has. Raw tables, their assets and staging models exist for these alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from assets.resources.settings import sources_file
from mmm_core.errors import InputError, nearest

ALWAYS = ("reference", "experiments", "attribution", "brand_tracker")
"""Sources whose tables are there in any case, empty where nothing has landed: marts read them by name."""

UNMAPPED_SHARE = 0.01

LANDING = "landing"
"""Rows come as files in the landing folder."""


@dataclass(frozen=True)
class Sources:
    """What `sources.yaml` says.

    Attributes:
        currency: of every amount in the marts, ISO 4217.
        unmapped_share: share of a week's spend that may be unmapped before marts are stopped.
        origins: by source, where its rows come from.
    """

    currency: str
    unmapped_share: float
    origins: Mapping[str, str]


@cache
def sources() -> Sources:
    """The sources of this company.

    Raises:
        InputError: the file is not there or is no list of sources; with the key at fault.
    """
    path = sources_file()
    try:
        keys = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return read_sources(keys, str(path))


def read_sources(keys: Any, path: str) -> Sources:
    """The sources that the keys of a YAML name.

    Raises:
        InputError: a key that is unknown, missing or wrong.
    """
    from assets.raw.connector import known_connectors
    from assets.raw.kinds import CURRENCIES

    expected = ("currency", "unmapped_share", "sources")
    if not isinstance(keys, dict) or not isinstance(keys.get("sources"), dict):
        raise InputError(f"{path}: it must name `currency:` and, under `sources:`, the sources you have")
    if unknown := [key for key in keys if key not in expected]:
        raise InputError(f"{path}: {unknown[0]}: no such key: {nearest(str(unknown[0]), expected)}")
    currency = str(keys.get("currency", "USD"))
    if currency not in CURRENCIES:
        raise InputError(
            f"{path}: currency: {currency} is no currency of ISO 4217: {nearest(currency, CURRENCIES)}"
        )
    known, named = known_connectors(), keys["sources"]
    for source, origin in named.items():
        if source not in known:
            raise InputError(
                f"{path}: sources.{source}: there is no such connector: {nearest(str(source), known)}"
            )
        if origin != LANDING:
            raise InputError(f"{path}: sources.{source}: {origin!r} is none of: {LANDING}")
    share = keys.get("unmapped_share", UNMAPPED_SHARE)
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise InputError(f"{path}: unmapped_share: {share!r} is no share from 0 to 1")
    return Sources(
        currency, share, {**named, **{source: LANDING for source in ALWAYS if source not in named}}
    )


def used_sources() -> list[str]:
    """Names of the sources that are used, in the order of the file."""
    return list(sources().origins)
