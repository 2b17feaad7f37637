"""Monday morning: last week's vintage of every model that is scheduled."""

import datetime as dt

import dagster as dg
import pytest
import yaml

from assets.models import MODELS
from orchestration.schedules import weekly_refresh
from tests.orchestration.house import SPEC

MONDAY = dt.datetime(2026, 1, 12, 6, tzinfo=dt.UTC)


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("MMM_MODELS_DIR", str(tmp_path))

    def write(model, **changes):
        text = changes.pop("text", None)
        (tmp_path / f"{model}.yaml").write_text(text or yaml.safe_dump({**SPEC, "model": model, **changes}))

    for model in MODELS.get_partition_keys():
        write(model, schedule="none")
    return write


def tick(at=MONDAY):
    from orchestration.definitions import defs

    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=defs.get_repository_def())
    return weekly_refresh.evaluate_tick(context).run_requests


def test_the_newest_complete_week_of_every_scheduled_model(models):
    models("us_revenue", owner="team:brand")
    (request,) = tick()
    assert request.partition_key == "2026-01-05|us_revenue"
    assert request.tags["owner"] == "team:brand"
    (later,) = tick(MONDAY + dt.timedelta(days=7))
    assert later.partition_key == "2026-01-12|us_revenue"
    assert later.run_key != request.run_key


def test_a_model_that_is_not_scheduled_does_not_run(models):
    assert tick() == []


def test_a_model_that_cannot_be_read_runs_into_its_error(models):
    models("us_revenue", text="model: [broken")
    (request,) = tick()
    assert request.partition_key == "2026-01-05|us_revenue"


def test_models_that_cannot_be_read_stop_no_other(models, tmp_path):
    names = MODELS.get_partition_keys()
    assert len(names) > 1
    folder = tmp_path / f"{names[0]}.yaml"
    models("us_revenue")
    for broken in (
        "a: " + "[" * 50_000,
        "a: &a [1, 1]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i or ''}, *a{i or ''}]\n" for i in range(40)),
        "model: .nan\n",
        "- a\n",
        "media: {defaults: [1], channels: {}}\n",
        b"kpi: K\xf6ln\n",
        None,
    ):
        folder.unlink(missing_ok=True)
        if broken is None:
            folder.mkdir()
        else:
            folder.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
        assert "2026-01-05|us_revenue" in {request.partition_key for request in tick()}
