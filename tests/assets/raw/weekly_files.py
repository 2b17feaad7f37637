"""Two weekly tables that have landed, and what a load of them leaves and says: for the tests of the landing."""

from assets.raw.assets import LEDGER, landing_tables, raw_key
from tests.fixtures_warehouse import materializations

MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n2024-01-08,us,101.5\n"
RIVALS = "week_start,market,competitor_spend\n2024-01-01,us,5\n"
KEYS = [raw_key("macro__weekly"), raw_key("competitor__weekly"), LEDGER]


def load(platform):
    return platform.run(landing_tables, selection=KEYS)


def confidence(platform):
    rows = platform.query("select week_start, consumer_confidence from raw.macro__weekly order by all")
    return dict(zip(rows["week_start"].dt.strftime("%Y-%m-%d"), rows["consumer_confidence"], strict=True))


def evaluation(result, check, key="macro__weekly"):
    (found,) = [
        e for e in result.get_asset_check_evaluations()
        if e.check_name == check and e.asset_key == raw_key(key)
    ]  # fmt: skip
    return found


def version(result, key="raw/macro__weekly"):
    return materializations(result)[key].tags["dagster/data_version"]


def loaded(result, key="raw/macro__weekly"):
    return materializations(result)[key].metadata["rows_loaded"].value


def refusals(result):
    """What the checks say of refused files."""
    refused = [
        e for e in result.get_asset_check_evaluations() if e.check_name == "keeps_contract" and not e.passed
    ]
    return "\n".join(f"{e.description}\n{e.metadata['faults'].value}" for e in refused)
