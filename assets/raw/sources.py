"""`sources.yaml`: which sources a company has. Raw tables, their assets and staging models exist for these alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from assets.raw.contract import BAD_SHARE, BadRows, Silence
from assets.raw.retail_calendar import RetailCalendar, read_retail_calendar
from assets.raw.time_zones import check_time_zone
from assets.resources.settings import sources_file
from mmm_core.errors import InputError, nearest
from mmm_core.spec.yaml_file import read_yaml

if TYPE_CHECKING:
    from assets.raw.origins.origin import Origin

ALWAYS = ("reference", "experiments", "attribution", "brand_tracker")
"""Sources whose tables are there in any case, empty where nothing has landed: marts read them by name."""

UNMAPPED_SHARE = 0.01

LANDING = "landing"
"""Rows come as files in the landing folder."""


@dataclass(frozen=True)
class Source:
    """A source that is used: an entry of `sources.yaml`.

    Attributes:
        name: of its connector.
        origin: where its rows come from; `from` in the YAML: `landing`, or the kind of what they are fetched from.
        bad_rows: what becomes of a file with rows that break their contract.
        bad_share: with a larger share of its rows at fault a file is refused whole, whatever `bad_rows` says.
        silence: what weeks without rows of its media mean; None: what its connector says.
        currency: of amounts whose rows, accounts and deals state none, ISO 4217; "" where it is not stated either.
        time_zone: in which the days of its moments are counted where nothing of its own says it; "": UTC.
        fetched: from where they are fetched; None where they land.
    """

    name: str
    origin: str = LANDING
    bad_rows: BadRows = "refuse"
    bad_share: float = BAD_SHARE
    silence: Silence | None = None
    currency: str = ""
    time_zone: str = ""
    fetched: "Origin | None" = None


@dataclass(frozen=True)
class Sources:
    """What `sources.yaml` says.

    Attributes:
        currency: of every amount in the marts, ISO 4217.
        unmapped_share: share of a week's spend that may be unmapped before marts are stopped.
        retail_calendar: the company's own year of weeks; None where none is stated.
        used: the sources, by name, in the order of the file.
    """

    currency: str
    unmapped_share: float
    retail_calendar: RetailCalendar | None
    used: Mapping[str, Source]


@cache
def sources() -> Sources:
    """The sources of this company.

    Raises:
        InputError: the file is not there or is no list of sources; with the key at fault.
    """
    from assets.raw.origins.secret import without_any_address

    path = sources_file()
    try:
        return read_sources(read_yaml(path, "sources"), str(path))
    except InputError as error:  # an address that stands in the wrong place has a secret in it
        raise type(error)(without_any_address(str(error))) from None


def read_sources(keys: Any, path: str) -> Sources:
    """The sources that the keys of a YAML name.

    Raises:
        InputError: a key that is unknown, missing or wrong.
    """
    from assets.raw.connector import known_connectors

    expected = ("currency", "unmapped_share", "retail_calendar", "sources")
    if not isinstance(keys, dict) or not isinstance(keys.get("sources"), dict):
        raise InputError(f"{path}: it must name `currency:` and, under `sources:`, the sources you have")
    if unknown := [key for key in keys if key not in expected]:
        raise InputError(f"{path}: {unknown[0]}: no such key: {nearest(str(unknown[0]), expected)}")
    currency = keys.get("currency", "USD")
    _check_currency(currency, f"{path}: currency")
    known = known_connectors()
    used = {}
    for name, entry in keys["sources"].items():
        if name not in known:
            raise InputError(
                f"{path}: sources.{name}: there is no such connector: {nearest(str(name), known)}"
            )
        used[name] = _source(name, entry, f"{path}: sources.{name}")
        _check_stated(used[name], entry if isinstance(entry, dict) else (), f"{path}: sources.{name}")
    share = keys.get("unmapped_share", UNMAPPED_SHARE)
    if not _is_share(share):
        raise InputError(f"{path}: unmapped_share: {share!r} is no share from 0 to 1")
    calendar = read_retail_calendar(keys.get("retail_calendar"), f"{path}: retail_calendar")
    always = {name: Source(name) for name in ALWAYS if name not in used}
    return Sources(currency, share, calendar, {**used, **always})


def _check_stated(source: Source, stated: Collection[str], where: str) -> None:
    """Raise an InputError for what is stated wrongly, or of a source no row of which needs it.

    Args:
        stated: the keys of the source's entry.
    """
    from assets.raw.connector import connector

    contracts = connector(source.name).contracts
    if "currency" in stated:
        _check_currency(source.currency, f"{where}.currency")
        if not any(contract.may_lack_currency for contract in contracts):
            raise InputError(
                f"{where}.currency: no amount of its media or KPIs is without a currency: leave the key out"
            )
    if "time_zone" in stated:
        check_time_zone(source.time_zone, f"{where}.time_zone")
        if not any(contract.zoned for contract in contracts):
            raise InputError(f"{where}.time_zone: its rows are of days already: leave the key out")


def _check_currency(currency: Any, where: str) -> None:
    from mmm_core.data.currencies import CURRENCIES

    if currency in CURRENCIES:
        return
    near = get_close_matches(str(currency).strip().upper(), CURRENCIES, n=1, cutoff=0.8)
    remedy = nearest(near[0], near) if near else "write its three letters, such as EUR"
    raise InputError(f"{where}: {currency!r} is no currency of ISO 4217: {remedy}")


def _source(name: str, entry: Any, where: str) -> Source:
    """A source from its entry: a word that says where its rows come from, or keys with that word under `from`."""
    from assets.raw.origins.configured import KEYS, KINDS, read_origin

    keys = {"from": entry} if isinstance(entry, str) else entry
    expected = [
        "from",
        *(field.name for field in fields(Source) if field.name not in ("name", "origin", "fetched")),
    ]
    if not isinstance(keys, dict):
        raise InputError(f"{where}: {entry!r} is neither a word, such as {LANDING}, nor keys")
    kind = keys.get("from", LANDING)
    if kind not in (LANDING, *KINDS):
        raise InputError(f"{where}: {kind!r} is none of: {', '.join((LANDING, *KINDS))}")
    if kind != LANDING:
        expected = [*expected, *KEYS]
    if unknown := [key for key in keys if key not in expected]:
        raise InputError(f"{where}.{unknown[0]}: no such key: {nearest(str(unknown[0]), expected)}")
    origin = {key: value for key, value in keys.items() if key in ("from", *KEYS)}
    fetched = None if kind == LANDING else read_origin(name, origin, where)
    keys = {key: value for key, value in keys.items() if key not in KEYS}
    stated = {("origin" if key == "from" else key): value for key, value in keys.items()}
    source = Source(name, **stated, fetched=fetched)
    if source.bad_rows not in get_args(BadRows):
        raise InputError(f"{where}.bad_rows: {source.bad_rows!r} is none of: {', '.join(get_args(BadRows))}")
    if source.silence is not None and source.silence not in get_args(Silence):
        raise InputError(f"{where}.silence: {source.silence!r} is none of: {', '.join(get_args(Silence))}")
    if not _is_share(source.bad_share):
        raise InputError(f"{where}.bad_share: {source.bad_share!r} is no share from 0 to 1")
    if "bad_share" in keys and source.bad_rows == "refuse":
        raise InputError(
            f"{where}.bad_share: a file with rows at fault is refused whatever their share: it goes with "
            "`bad_rows: quarantine`"
        )
    return source


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def used_sources() -> list[str]:
    """Names of the sources that are used, in the order of the file."""
    return list(sources().used)
