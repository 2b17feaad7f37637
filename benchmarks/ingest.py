"""Seconds and memory of a load: raw ad rows from files through the landing assets and dbt to the weekly marts.

Four platforms export two years of days, a file for every four weeks: Google Ads a row a day, campaign, device and
network, the others a row a day and campaign; a third of the rows is Parquet, the rest CSV. More rows are more
campaigns. A process of its own loads the whole (`landing`) and builds the marts (`marts`), another does so again after
one further day has come. Both reconcile: the ledger with what was written, the mart's spend with both, to the cent.

make bench B=ingest [ARGS="--rows 1e6 1e7 --no-marts"]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.common.machine import finish, machine, rounded
from mmm_core.json_text import dumps

ROOT = Path(__file__).parent.parent
SEED, DAYS = 7, 728
PLATFORM_FOLDERS = ("google_ads", "meta_ads", "tiktok_ads", "linkedin_ads")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Platform:
    """A platform's export.

    Attributes:
        table: as `<source>/<table>`.
        share: of all rows.
        each: rows of a campaign and day.
        columns: SQL of its columns; `campaign` counts from 0, `part` tells a campaign's rows apart.
        amount, unit: column that sums to spend, and how many of it are one dollar.
    """

    table: str
    share: float
    each: int
    ending: str
    columns: str
    amount: str
    unit: int = 1


_DELIVERED = "impressions, clicks"
_SPEND = "cast(hash(day, campaign, part, 3) % 500000 as decimal(18, 2)) / 100"
PLATFORMS = (
    Platform(
        "google_ads/campaign_stats", 0.5, 8, "csv",
        "'123-456-7890' as customer_id, 'USD' as currency_code, day as date, 10000000 + campaign as campaign_id, "
        "'us_all_search_campaign' || campaign as campaign_name, "
        "['MOBILE', 'DESKTOP', 'TABLET', 'CONNECTED_TV'][1 + part % 4] as device, "
        f"['SEARCH', 'CONTENT'][1 + part // 4] as ad_network_type, {_DELIVERED} as clicks, "
        "hash(day, campaign, part, 3) % 5000 * 10000 as cost_micros",
        "cost_micros", 1_000_000,
    ),
    Platform(
        "meta_ads/campaign_insights", 0.2, 1, "csv",
        "'act_77' as account_id, 'USD' as account_currency, day as date_start, day as date_stop, "
        "20000000 + campaign as campaign_id, 'us_all_meta_campaign' || campaign as campaign_name, "
        f"hash(day, campaign, 5) % (impressions + 1) as reach, {_DELIVERED} as inline_link_clicks, {_SPEND} as spend",
        "spend",
    ),
    Platform(
        "tiktok_ads/campaign_report", 0.2, 1, "parquet",
        "'88' as advertiser_id, 'USD' as currency, cast(day as timestamp) as stat_time_day, "
        "30000000 + campaign as campaign_id, 'us_all_tiktok_campaign' || campaign as campaign_name, "
        "cast(impressions as bigint) as impressions, cast(clicks as bigint) as clicks, "
        f"cast({_SPEND} as double) as spend",
        "spend",
    ),
    Platform(
        "linkedin_ads/ad_analytics_by_campaign", 0.1, 1, "parquet",
        "99 as account_id, 'USD' as local_currency, day, 40000000 + campaign as campaign_id, "
        "'us_all_linkedin_campaign' || campaign as campaign_name, cast(impressions as bigint) as impressions, "
        f"cast(clicks as bigint) as clicks, cast({_SPEND} as double) as cost_in_local_currency, "
        "cast(null as double) as cost_in_usd",
        "cost_in_local_currency",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=float, default=[1e6, 1e7], help="1e6 1e7 unless given")
    parser.add_argument("--no-marts", action="store_true", help="load alone")
    parser.add_argument("--folder", help="where to work; a temporary folder unless given")
    parser.add_argument("--measured", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measured:
        measured(options.measured)
        return
    started_with, steps = machine(), ["landing"] if options.no_marts else ["landing", "marts"]
    sizes = {}
    for rows in map(int, options.rows):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            sizes[rows] = size(Path(folder), rows, steps)
    show(sizes)
    finish("ingest", started_with, rows=rounded({str(n): figures for n, figures in sizes.items()}))


def size(root: Path, rows: int, steps: list[str]) -> dict[str, Any]:
    """Load so many rows, then one further day; seconds, memory, and whether the sums agree."""
    landing = root / "data" / "landing"
    first, spent = others(landing), Decimal(0)
    written, spend = export(landing, rows, first, DAYS)
    spent += spend
    figures: dict[str, Any] = {"rows": written, "files_gb": size_of(landing) / 1e9}
    figures["all"] = run(root, steps)
    check(figures["all"], spent, written)
    more, spend = export(landing, rows, first + timedelta(DAYS), 1)
    figures["day_rows"] = more
    figures["one_day"] = run(root, steps)
    check(figures["one_day"], spent + spend, written + more)
    figures["warehouse_gb"] = size_of(root / "data" / "warehouse.duckdb") / 1e9
    return figures


def others(landing: Path) -> date:
    """The sample world without its ad platforms, for all else that the marts read; returns the first day of ours."""
    from mmm_core.simulate import simulate_world, write_landing

    write_landing(simulate_world(SEED), landing)
    for source in PLATFORM_FOLDERS:
        shutil.rmtree(landing / source)
    orders = landing / "shopify" / "daily_orders"
    last = max(line.split(",")[0] for path in orders.glob("*.csv") for line in path.read_text().split()[1:])
    return date.fromisoformat(last) - timedelta(DAYS)


def export(landing: Path, rows: int, first: date, days: int) -> tuple[int, Decimal]:
    """Write the platforms' files of some days; returns their rows and the dollars in them."""
    import duckdb

    written, spent = 0, Decimal(0)
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection:
        for platform in PLATFORMS:
            campaigns = max(1, round(rows * platform.share / platform.each / DAYS))
            for start in range(0, days, 28):
                day, count = first + timedelta(start), min(28, days - start)
                query = f"""
                    select {platform.columns} from (
                        select date '{day}' + cast(i // {campaigns * platform.each} as int) as day,
                            i // {platform.each} % {campaigns} as campaign, i % {platform.each} as part,
                            hash(i, 1) % 50000 as impressions,
                            hash(i, 1) % 50000 * (hash(i, 2) % 100) // 1000 as clicks
                        from range({count * campaigns * platform.each}) as t(i)
                    )
                """
                path = landing / platform.table / f"{day}.{platform.ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                form = "format parquet" if platform.ending == "parquet" else "header"
                connection.execute(f"copy ({query}) to '{path}' ({form})")
                found = connection.execute(
                    f"select count(*), sum(cast({platform.amount} as decimal(38, 6))) from '{path}'"
                ).fetchone()
                assert found is not None
                written, spent = written + found[0], spent + found[1] / platform.unit
                noon = time.mktime((day + timedelta(count)).timetuple())
                os.utime(path, (noon, noon))
    return written, spent


def run(root: Path, steps: list[str]) -> dict[str, Any]:
    """Run the assets in a process of their own."""
    environment = {**os.environ, "MMM_DATA_DIR": str(root / "data"), "MMM_ENVIRONMENT": "dev"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest", "--measured", *steps],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measured(steps: list[str]) -> None:
    """Materialize the assets here; print seconds, peak memory and the sums of ledger and mart as one JSON object."""
    import dagster as dg

    from assets.marts.assets import dbt_marts
    from assets.raw.assets import landing_tables
    from orchestration import resources

    given, figures = resources.build(), {}
    for name, asset in (("landing", landing_tables), ("marts", dbt_marts)):
        if name not in steps:
            continue
        before, started = processor_seconds(), time.monotonic()
        done = dg.materialize([asset], resources=given, raise_on_error=True)
        failed = [c.check_name for c in done.get_asset_check_evaluations() if not c.passed and c.blocking]
        assert not failed, failed
        figures[name] = {
            "seconds": time.monotonic() - started,
            "processor_seconds": processor_seconds() - before,
            "peak_gb": max(map(peak_gb, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))),
        }
    tables = [platform.table.replace("/", "__") for platform in PLATFORMS]
    with given["warehouse"].connect(read_only=True) as connection:
        figures["ledger"] = [
            [table, *map(str, row)]
            for table in tables
            for row in connection.execute(
                "select sum(row_count), sum(amount - overruled_amount) from raw.landing_files "
                "where source_table = ? and status = 'loaded'",
                [table],
            ).fetchall()
        ]
        if "marts" in steps:
            figures["mart"] = connection.execute(
                "select cast(sum(cast(spend as decimal(38, 6))) as varchar) from intermediate.int_media_spend_weekly "
                "where source in (select unnest(?))",
                [list(PLATFORM_FOLDERS)],
            ).fetchone()[0]
    print("\n" + dumps(figures))


def check(figures: dict[str, Any], spent: Decimal, rows: int) -> None:
    """Ledger and mart hold what the files were written with."""
    units = {platform.table.replace("/", "__"): platform.unit for platform in PLATFORMS}
    ledger = figures.pop("ledger")
    found = sum(Decimal(amount) / units[table] for table, _, amount in ledger)
    counted = sum(int(count) for _, count, _ in ledger)
    assert (counted, abs(found - spent) < CENT) == (rows, True), (counted, rows, found, spent)
    if "mart" in figures:
        mart = Decimal(figures.pop("mart"))
        assert abs(mart - spent) < CENT, (mart, spent)


def processor_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_gb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024**2 * (1024**3 / 1e9)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(size_of(inner) for inner in path.iterdir())


def show(sizes: dict[int, dict[str, Any]]) -> None:
    print(f"{'rows':>12} {'step':<10}{'part':<10}{'seconds':>9}{'processor':>11}{'peak GB':>9}")
    for rows, figures in sizes.items():
        for part in ("all", "one_day"):
            for step, took in figures[part].items():
                print(
                    f"{rows:>12,} {step:<10}{part:<10}{took['seconds']:9.1f}{took['processor_seconds']:11.1f}"
                    f"{took['peak_gb']:9.2f}"
                )


if __name__ == "__main__":
    main()
