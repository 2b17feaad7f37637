"""Origins of sources.yaml as far as they can be held without a warehouse: keys, queries, addresses and secrets."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
import yaml

from assets.raw.origins import secret, sql
from assets.raw.origins.columns import wanted
from assets.raw.origins.fetch import fetch
from assets.raw.origins.origin import DATABASES, NotFetched, Origin
from assets.raw.sources import read_sources, sources
from mmm_core.errors import InputError

GOOGLE = """
currency: USD
sources:
  google_ads:
    from: {kind}
    connection: WAREHOUSE_URL
    schema: google_ads
    bad_rows: quarantine
    tables:
      campaign_stats: {{lookback: 35, since: 2024-01-01, columns: {{cost_micros: cost}}}}
      campaign_history: {{cursor: updated_at}}
      account_history:
"""


def origin(text=GOOGLE, kind="postgres", source="google_ads"):
    return read_sources(yaml.safe_load(text.format(kind=kind)), "sources.yaml").used[source].fetched


def test_a_source_says_where_its_tables_are_and_how_they_are_read():
    source = read_sources(yaml.safe_load(GOOGLE.format(kind="postgres")), "sources.yaml").used["google_ads"]
    assert (source.origin, source.bad_rows) == ("postgres", "quarantine")
    stats, campaigns, accounts = source.fetched.tables.values()
    assert (stats.place, stats.incremental, stats.lookback) == (
        "google_ads.campaign_stats",
        "partition",
        35,
    )
    assert (stats.day, stats.since, stats.columns) == ("date", "2024-01-01", {"cost_micros": "cost"})
    assert (campaigns.incremental, campaigns.cursor) == ("cursor", "updated_at")
    assert accounts.incremental == "whole"


def test_tables_may_be_names_alone():
    listed = origin(
        "sources: {{tv: {{from: snowflake, connection: SNOW, schema: media, tables: [invoices]}}}}",
        source="tv",
    )
    assert (listed.kind, listed.tables["invoices"].place) == ("snowflake", "media.invoices")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("from: postgres", "sources.tv.connection: it is missing: write it"),
        ("connection: X, tables: [invoices]", "sources.tv.connection: no such key"),
        ("from: postgres, connection: 'postgresql://ann:hush@db/x', tables: [invoices]", "this file holds no secret"),
        ("@, tables: [invoice]", "tables.invoice: no such table: did you mean 'invoices'"),
        ("@, tables: {}", "sources.tv.tables: "),
        ("from: postgres, connection: X, tables: [invoices]", "sources.tv.tables.invoices: it needs `table:`"),
        ("from: postgres, connection: X, tables: {invoices: {files: a}}", "it needs `table:`"),
        ("from: bucket, connection: X, tables: {invoices: {files: a, cursor: b}}", "cursor: says nothing of a table"),
        ("@, tables: {invoices: {lookback: -1}}", "invoices.lookback: input should be greater than or equal to 0"),
        ("@, tables: {invoices: {incremental: cursor}}", "needs `cursor:`, a column that only grows"),
        ("@, tables: {invoices: {incremental: whole, cursor: b}}", "take one of the two out"),
        ("@, tables: {invoices: {incremental: whole, lookback: 3}}", "fetched whole"),
        ("@, tables: {invoices: {columns: {spent: s}}}", "columns.spent: tv/invoices has no such column"),
        ("from: postgres, connection: X, tables: {invoices: {table: 'a.b; drop table c'}}", "write it as schema.table"),
        ("@, tables: {invoices: {cursr: b}}", "invoices.cursr: no such key: did you mean 'cursor'"),
        ("@, tabels: [invoices]", "tabels: no such key: did you mean 'tables'"),
    ],
)  # fmt: skip
def test_a_fault_of_an_origin_is_named_and_shows_no_address(keys, message):
    keys = keys.replace("@", "from: postgres, connection: X, schema: s")
    with pytest.raises(InputError) as refusal:
        read_sources(yaml.safe_load(f"sources: {{tv: {{{keys}}}}}"), "sources.yaml")
    assert message in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_rows_of_no_days_have_no_partition():
    keys = "from: postgres, connection: X, schema: s, tables: {campaign_history: {incremental: partition}}"
    with pytest.raises(InputError, match="are of no days: `whole`, or `cursor`"):
        read_sources(yaml.safe_load(f"sources: {{google_ads: {{{keys}}}}}"), "sources.yaml")


KINDS = {
    "customer_id": sa.BigInteger(), "date": sa.Date(), "id": sa.BigInteger(), "device": sa.String(),
    "ad_network_type": sa.String(), "impressions": sa.BigInteger(), "clicks": sa.BigInteger(),
    "cost": sa.Numeric(18, 0), "owner_email": sa.String(),
}  # fmt: skip
STATS = (
    "SELECT t.customer_id AS customer_id, t.date AS date, t.id AS campaign_id, t.device AS device, t.ad_network_type "
    "AS ad_network_type, t.impressions AS impressions, t.clicks AS clicks, t.cost AS cost_micros, t.date AS _by FROM "
    "google_ads.campaign_stats AS t WHERE t.date >= 2026-03-08 ORDER BY t.date"
)


def asked(kind="postgres", last="2026-04-12"):
    table = origin(kind=kind).tables["campaign_stats"]
    written = wanted(table, list(KINDS), table.place)
    return sql.query(table, sql.Asked.of(table, written, KINDS, last))


def dialect(kind):
    """SQLAlchemy's dialect of a database; None where its driver is not installed."""
    try:
        return sa.dialects.registry.load(DATABASES[kind])()
    except sa.exc.NoSuchModuleError:
        return None


@pytest.mark.parametrize("kind", DATABASES)
def test_the_query_asks_for_the_wanted_columns_from_the_lookback_on(kind):
    if dialect(kind) is None:
        pytest.skip(f"pip install 'carryover[{kind}]'")
    text = str(asked(kind).compile(dialect=dialect(kind), compile_kwargs={"literal_binds": True}))
    words = " ".join(re.sub(r"[`\"']|DATE ?(?=')", "", text).split())
    assert words == STATS


def test_the_first_fetch_begins_where_the_file_says_and_a_later_one_no_earlier():
    assert sql.Asked.of(*given(), last=None).start == dt.date(2024, 1, 1)
    assert sql.Asked.of(*given(), last="2024-01-20").start == dt.date(2024, 1, 1)
    assert sql.Asked.of(*given(), last="2024-03-01").start == dt.date(2024, 1, 26)


@pytest.mark.parametrize("zone", [None, dt.UTC])
def test_days_of_moments_are_asked_for_from_a_day_earlier_and_begin_where_they_begin(zone):
    """In a zone east of UTC the first day begins before midnight UTC; what is earlier than that day is passed over."""
    kinds = {**KINDS, "date": sa.DateTime(timezone=zone is not None)}
    found = sql.Asked.of(*given()[:2], kinds, last="2024-03-01")
    assert (found.start, found.from_value) == (dt.date(2024, 1, 26), dt.datetime(2024, 1, 25, tzinfo=zone))
    assert sql.Asked.of(*given(), last="2024-03-01").from_value == dt.date(2024, 1, 26)
    assert sql.Asked.of(*given()[:2], kinds, last=None).start == dt.date(2024, 1, 1)


def given():
    table = origin().tables["campaign_stats"]
    return table, wanted(table, list(KINDS), table.place), KINDS


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            {"cost": "costs"},
            "column cost, which `columns:` reads as cost_micros, is not there: did you mean 'costs'",
        ),
        ({"clicks": "clickz"}, "column clicks is missing: did you mean 'clickz'"),
        ({"owner_email": "conversion"}, "column conversion is not read: did you mean 'conversions'"),
        ({"owner_email": "campaign_id"}, "are both campaign_id: keep one"),
    ],
)
def test_a_column_that_is_not_there_under_one_name_is_named(names, message):
    table = origin().tables["campaign_stats"]
    with pytest.raises(NotFetched, match=r"google_ads\.campaign_stats: ") as refusal:
        wanted(table, [names.get(name, name) for name in KINDS], table.place)
    assert message in str(refusal.value)


@pytest.mark.parametrize("kind", [kind for kind in DATABASES if kind != "postgres"])
def test_a_driver_that_is_not_installed_is_named_with_its_remedy(kind, monkeypatch, tmp_path):
    if dialect(kind) is not None:
        pytest.skip("it is installed here")
    monkeypatch.setenv("WAREHOUSE_URL", f"{DATABASES[kind]}://ann:hush@account/db")
    found = origin(kind=kind)
    done = fetch(found, found.tables["account_history"], tmp_path)
    assert done.note.fault == f"the driver of {kind} is not installed: pip install 'carryover[{kind}]'"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://ann:pa%2Fss@db/x", "FATAL: no pa/ss or pa%2Fss for postgresql://ann:pa%2Fss@db/x"),
        ("s3://AKIA:pa%2Fss@b?region=x", "AWS said AKIA and pa/ss of s3://AKIA:pa%2Fss@b"),
        ("databricks://token:pass@h?http_path=/sql", "token:pass was refused at //token:pass@h"),
        ("snowflake://h/db?private_key=pass&warehouse=w", "private_key=pass is no key"),
        ("bigquery://p?credentials_base64=pass", "credentials_base64=pass is no base64"),
    ],
)
def test_no_message_shows_what_is_secret_in_an_address(address, said):
    words = secret.without_secrets(said, address)
    assert "***" in words
    assert not any(part in words for part in ("pa/ss", "pa%2Fss", "AKIA", "pass"))


def test_an_at_in_a_password_is_refused_and_no_half_of_it_is_shown(monkeypatch):
    known = "postgresql://u:SEC@RET99@db.example:1/sales"
    for said in (
        'could not translate host name "RET99@db.example" to address',
        f"connecting to {known}",
        "//u:SEC@RET99@db.example refused",
    ):
        assert not {"SEC", "RET99"} & set(re.findall(r"\w+", secret.without_secrets(said, known)))
    monkeypatch.setenv("WURL", known)
    origin = Origin("google_ads", "postgres", "WURL", {})
    with pytest.raises(
        NotFetched, match="WURL holds an address with an @ in its user or password: write %40"
    ):
        secret.address(origin)


@pytest.mark.parametrize(
    "text",
    [
        "sources:\n  google_ads: {address}\n",
        'sources:\n  google_ads: {{from: "{address}", tables: {{}}}}\n',
        'sources:\n  "{address}": landing\n',
        'sources:\n  google_ads: {{from: postgres, connection: "{address}\n',
        'sources:\n  google_ads: {{from: postgres, connection: WURL, schema: "{address}", tables: [campaign_stats]}}\n',
    ],
)
def test_an_address_in_the_place_of_a_word_is_not_shown(tmp_path, monkeypatch, text):
    path = tmp_path / "sources.yaml"
    path.write_text(text.format(address="postgresql://u:sk-SECRET99XyZ@h/db"))
    monkeypatch.setenv("MMM_SOURCES", str(path))
    with pytest.raises(InputError) as error:
        sources.__wrapped__()
    assert "SECRET99" not in str(error.value)
