"""sources.yaml: only what is named has tables, and what is wrong in it is named."""

import pytest
import yaml

from assets.marts.variables import variables
from assets.raw.connector import connector, known_connectors
from assets.raw.contract import BAD_SHARE
from assets.raw.contracts import CONTRACTS
from assets.raw.sources import ALWAYS, Source, read_sources, used_sources
from assets.resources.settings import REPOSITORY
from mmm_core.errors import InputError


def read(text):
    return read_sources(yaml.safe_load(text), "sources.yaml")


def test_tables_are_those_of_the_sources_that_are_used():
    assert {contract.source for contract in CONTRACTS.values()} == set(used_sources())


def test_sources_are_kept_in_the_order_of_the_file():
    kept = read("currency: EUR\nsources: {tv: landing, reference: landing}")
    assert (kept.currency, list(kept.used)[:2]) == ("EUR", ["tv", "reference"])
    assert set(kept.used) == {"tv", *ALWAYS}


def test_a_source_is_a_word_or_keys():
    kept = read(
        "sources: {tv: landing, macro: {from: landing, bad_rows: quarantine, bad_share: 0.2}, ooh: {}}"
    )
    assert kept.used["tv"] == Source("tv", "landing", "refuse", BAD_SHARE) == Source("tv")
    assert kept.used["macro"] == Source("macro", "landing", "quarantine", 0.2)
    assert kept.used["ooh"] == Source("ooh")


def test_silence_is_what_the_file_says_and_else_what_the_connector_says(monkeypatch):
    kept = read(
        "sources: {tv: landing, ooh: {silence: zero}, tiktok_ads: {silence: zero}, meta_ads: landing}"
    )
    monkeypatch.setattr("assets.marts.variables.sources", lambda: kept)
    monkeypatch.setattr("assets.marts.variables.used_sources", lambda: list(kept.used))
    silence = {each["source"]: each["means"] for each in variables.__wrapped__()["silence"]}
    assert silence == {"tv": "between", "ooh": "zero", "tiktok_ads": "zero", "meta_ads": "unknown"}


def test_dbt_is_told_what_rows_do_not_say(monkeypatch):
    kept = read(
        "sources: {google_ads: {currency: EUR}, hubspot: {currency: GBP, time_zone: Europe/London}, tv: landing}"
    )
    monkeypatch.setattr("assets.marts.variables.sources", lambda: kept)
    monkeypatch.setattr("assets.marts.variables.used_sources", lambda: list(kept.used))
    assert variables.__wrapped__()["stated"] == [
        {"source": "google_ads", "currency": "EUR", "time_zone": ""},
        {"source": "hubspot", "currency": "GBP", "time_zone": "Europe/London"},
    ]


def test_a_currency_is_stated_of_sources_that_may_lack_one_and_a_zone_of_those_of_moments():
    def taking(key, value):
        found = set()
        for name in known_connectors():
            try:
                read(f"sources: {{{name}: {{{key}: {value}}}}}")
            except InputError:
                continue
            found.add(name)
        return found

    assert taking("currency", "EUR") == {
        "amazon_ads", "apple_search_ads", "display", "generic", "google_ads", "hubspot", "linkedin_ads", "meta_ads",
        "microsoft_ads", "pinterest_ads", "reddit_ads", "snapchat_ads", "tiktok_ads", "x_ads",
    }  # fmt: skip
    assert taking("time_zone", "Asia/Tokyo") == {
        "hubspot", "klaviyo", "orders", "shopify_orders", "snapchat_ads", "x_ads",
    }  # fmt: skip


def test_contracts_of_moments_in_utc_are_those_of_which_staging_makes_days():
    staging = (REPOSITORY / "dbt_project/models/staging").glob("*/*.sql")
    made = {path.parent.name for path in staging if "day_in_zone" in path.read_text()}
    assert made == {name for name in known_connectors() if any(c.zoned for c in connector(name).contracts)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sources: {google_ads: {currency: EURO}}",
            "sources.google_ads.currency: 'EURO' is no currency of ISO 4217: did you mean 'EUR'",
        ),
        ("sources: {google_ads: {currency: usd}}", "'usd' is no currency of ISO 4217: did you mean 'USD'"),
        ("sources: {google_ads: {currency: $}}", "'\\$' is no currency of ISO 4217: write its three letters"),
        *(
            (
                f"sources: {{google_ads: {{currency: {value}}}}}",
                "sources.google_ads.currency: .* is no currency",
            )
            for value in ("", "~", "''", "0", "no", "840", "[]", "[EUR]", "{a: 1}")
        ),
        ("sources: {tv: {currency: EUR}}", "sources.tv.currency: no amount of its media or KPIs is without"),
        ("sources: {klaviyo: {currency: EUR}}", "sources.klaviyo.currency: no amount of its media or KPIs"),
        (
            "sources: {x_ads: {time_zone: Berlin}}",
            "sources.x_ads.time_zone: 'Berlin' is no time zone of a place, nor UTC: did you mean 'Europe/Berlin'",
        ),
        ("sources: {x_ads: {time_zone: new york}}", "did you mean 'America/New_York'"),
        ("sources: {x_ads: {time_zone: europe/berlin}}", "did you mean 'Europe/Berlin'"),
        ("sources: {x_ads: {time_zone: utc}}", "did you mean 'UTC'"),
        *(
            (
                f"sources: {{x_ads: {{time_zone: {value}}}}}",
                "sources.x_ads.time_zone: .*: name the place, such",
            )
            for value in (
                "EST",
                "PST",
                "Z",
                "-05:00",
                "Etc/GMT+5",
                "localtime",
                "",
                "''",
                "no",
                "5",
                "[]",
                "[a]",
            )
        ),
        ("sources: {tv: {time_zone: UTC}}", "sources.tv.time_zone: its rows are of days already: leave the"),
        ("currency:\nsources: {}", "currency: None is no currency of ISO 4217: write its three letters"),
        ("sources: [tv]", "it must name `currency:` and, under `sources:`"),
        (
            "sources: {tvv: landing, reference: landing}",
            "sources.tvv: there is no such connector: did you mean 'tv'",
        ),
        ("sources: {tv: ftp, reference: landing}", "sources.tv: 'ftp' is none of: landing, postgres"),
        (
            "sources: {tv: [landing]}",
            r"sources.tv: \['landing'\] is neither a word, such as landing, nor keys",
        ),
        ("sources: {tv: {form: landing}}", "sources.tv.form: no such key: did you mean 'from'"),
        (
            "sources: {tv: {bad_rows: drop}}",
            "sources.tv.bad_rows: 'drop' is none of: refuse, quarantine",
        ),
        (
            "sources: {tv: {silence: none}}",
            "sources.tv.silence: 'none' is none of: unknown, between, zero",
        ),
        ("sources: {tv: {bad_share: 5}}", "sources.tv.bad_share: 5 is no share from 0 to 1"),
        ("sources: {tv: {bad_share: 0.1}}", "it goes with `bad_rows: quarantine`"),
        ("unmapped_share: 3\nsources: {}", "unmapped_share: 3 is no share from 0 to 1"),
        (
            "retail_calendar: {week_begins: saturday, pattern: 4-4-5, year_begins_nearest: 02-01}\nsources: {}",
            "retail_calendar.week_begins: 'saturday' is none of: monday, sunday",
        ),
        (
            "retail_calendar: {week_begins: sunday, pattern: 5-5-3, year_begins_nearest: 02-01}\nsources: {}",
            "retail_calendar.pattern: '5-5-3' is none of: 4-4-5, 4-5-4, 5-4-4",
        ),
        (
            "retail_calendar: {week_begins: sunday, pattern: 4-4-5, year_begins_nearest: 02-29}\nsources: {}",
            "retail_calendar.year_begins_nearest: '02-29' is no day of every year",
        ),
        (
            "retail_calendar: {week_begins: sunday, pattern: 4-4-5}\nsources: {}",
            "retail_calendar: year_begins_nearest must be stated",
        ),
        ("retail_calendar: 4-4-5\nsources: {}", "retail_calendar: '4-4-5' is no calendar: state week_begins"),
        (
            "retail_calendar: {week_begin: sunday}\nsources: {}",
            "retail_calendar.week_begin: no such key: did you mean 'week_begins'",
        ),
        ("curency: USD\nsources: {reference: landing}", "curency: no such key: did you mean 'currency'"),
        (
            "currency: US$\nsources: {reference: landing}",
            r"currency: 'US\$' is no currency of ISO 4217: write its three",
        ),
    ],
)
def test_a_fault_of_the_file_is_named(text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_a_retail_calendar_is_what_dbt_is_told():
    stated = "retail_calendar: {week_begins: sunday, pattern: 4-5-4, year_begins_nearest: 02-01}\nsources: {}"
    calendar = read(stated).retail_calendar
    assert calendar.variables == {"weekday": 7, "pattern": [4, 5, 4], "month": 2, "day": 1}
    assert read("sources: {}").retail_calendar is None
