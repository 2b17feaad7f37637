"""Weekly reports beside the marts: of each model the one of the posterior that its marts are of."""

import json

import pandas as pd
import pytest

from assets.models import Vintage
from assets.publish.publish import publish
from assets.publish.reports import reports_to_publish
from assets.resources.report_store import ReportStore
from assets.resources.stores import ResultStore
from tests.fixtures_warehouse import Platform, execute

WEEKS = [Vintage("us_revenue", week) for week in ("2026-11-02", "2026-11-09")]


@pytest.fixture
def stores(tmp_path):
    return ResultStore(folder=str(tmp_path / "results")), ReportStore(folder=str(tmp_path / "reports"))


def texts(posterior, words="page"):
    manifest = {"posterior": {"version": posterior}, "words": words}
    return {"report.html": f"<p>{words}", "report.md": words, "report.json": json.dumps(manifest)}


def record(results, vintage, posterior):
    table = pd.DataFrame({"channel": ["tv"], "posterior_version": [posterior]})
    results.record_publication(vintage, {"budget_allocation": table})


def test_the_latest_published_week_is_published(stores):
    results, reports = stores
    for vintage, posterior in zip(WEEKS, "ab", strict=True):
        record(results, vintage, posterior)
        reports.save(vintage, texts(posterior, posterior))
    found = reports_to_publish(results, reports)
    assert sorted(found) == [f"report_us_revenue.{suffix}" for suffix in ("html", "json", "md")]
    assert found["report_us_revenue.html"].read_text() == "<p>b"


def test_a_report_of_another_posterior_than_the_marts_is_not(stores):
    results, reports = stores
    record(results, WEEKS[1], "b")
    reports.save(WEEKS[1], texts("c"))
    assert reports_to_publish(results, reports) == {}
    reports.save(WEEKS[1], texts("b"))
    assert len(reports_to_publish(results, reports)) == 3


def test_a_model_without_a_report_has_none(stores):
    results, reports = stores
    record(results, WEEKS[0], "a")
    assert reports_to_publish(results, reports) == {}


def test_a_damaged_report_is_put_aside_and_can_be_written_again(stores):
    results, reports = stores
    record(results, WEEKS[0], "a")
    version = reports.save(WEEKS[0], texts("a"))
    reports.files(WEEKS[0], version)[".md"].write_text("something else")
    assert reports_to_publish(results, reports) == {}
    assert reports.save(WEEKS[0], texts("a")) == version
    assert len(reports_to_publish(results, reports)) == 3


def test_the_same_texts_are_the_same_version(stores):
    _, reports = stores
    assert reports.save(WEEKS[0], texts("a")) == reports.save(WEEKS[0], texts("a"))
    assert reports.save(WEEKS[0], texts("a", "other")) != reports.save(WEEKS[0], texts("a"))


def test_reports_lie_beside_the_marts_and_leave_with_their_model(stores, tmp_path):
    results, reports = stores
    record(results, WEEKS[0], "a")
    reports.save(WEEKS[0], texts("a"))
    platform = Platform(tmp_path)
    execute(platform, "create schema marts", "create table marts.dim_channel as select 'tv' as channel")
    publication = publish(
        platform.warehouse, platform.published, reports=reports_to_publish(results, reports)
    )
    current = platform.published / "current"
    assert (current / "report_us_revenue.html").read_text() == "<p>page"
    assert (platform.published / "report_us_revenue.html").resolve() == (
        current / "report_us_revenue.html"
    ).resolve()
    assert "report_us_revenue.json" in publication.files
    publish(platform.warehouse, platform.published)
    assert not list(platform.published.glob("report_*"))
