"""`AS_OF` of a week that the table does not hold is refused with the weeks there are, as early as it is known."""

import datetime as dt
import io
import re

import pytest

from mmm_core.errors import InputError
from orchestration import up_to_date
from orchestration.foreground import Foreground
from orchestration.last_week import check_all_reached, last_vintage, too_few_for_a_forecast
from orchestration.publish import publish
from orchestration.refresh import refresh
from orchestration.terminal import plain_console
from tests.orchestration.house import LAST_WEEK, MODEL, NEXT_WEEK, vintage

BEFORE_ALL = "2018-01-01"


@pytest.fixture
def foreground(new_house) -> Foreground:
    return Foreground(plain_console(io.StringIO()), jobs=("tests.orchestration.short_ingest", "job_named"))


def jobs(house) -> list[str]:
    return [run.job_name for run in house.instance.get_runs()]


def whole_jobs(house) -> list[str]:
    """Jobs that were run with all their assets, the latest first."""
    return [run.job_name for run in house.instance.get_runs() if run.asset_selection is None]


def refused(foreground, week) -> str:
    with pytest.raises(InputError) as error:
        refresh(foreground, MODEL, str(week))
    return str(error.value)


def test_a_week_outside_the_table_is_refused_before_the_model_s_job_and_where_nothing_landed_before_the_ingest(
    new_house, foreground
):
    too_late = f"the table ends with the week of {LAST_WEEK}, not {NEXT_WEEK}"
    words = refused(foreground, NEXT_WEEK)
    assert too_late in words
    assert words.endswith(f"land the weeks that are missing, or choose {LAST_WEEK}")
    assert jobs(new_house) == ["ingest"]  # nobody knew whether it would bring that week

    assert too_late in refused(foreground, NEXT_WEEK)
    assert f"no week up to {BEFORE_ALL}, the first is " in refused(foreground, BEFORE_ALL)
    assert jobs(new_house) == ["ingest"]

    landed = new_house.root / "landing" / "macro" / "weekly" / "2024.csv"
    landed.parent.mkdir(parents=True)
    landed.write_text("week_start,market,consumer_confidence\n2024-01-01,us,100\n")
    assert "no week up to" in refused(foreground, BEFORE_ALL)
    assert jobs(new_house) == ["ingest", "ingest"]
    assert not (new_house.root / "vintages").exists()


def test_a_mart_of_an_earlier_dbt_project_or_load_is_not_up_to_date(
    new_house, foreground, tmp_path, monkeypatch
):
    def is_up_to_date():
        return up_to_date.is_up_to_date(new_house.instance, new_house.warehouse, MODEL)

    assert not is_up_to_date()
    foreground.run("ingest")
    assert is_up_to_date()
    monkeypatch.setattr(up_to_date, "PROJECT_DIR", tmp_path / "dbt")
    (tmp_path / "dbt" / "models").mkdir(parents=True)
    edited = tmp_path / "dbt" / "models" / "mart.sql"
    edited.write_text("select 1")
    assert not is_up_to_date()


def test_what_a_blocking_check_found_is_what_the_terminal_tells(new_house, foreground):
    from assets.models import Vintage

    with foreground.phase("Model"):
        foreground.run("refresh_model", Vintage(MODEL, str(NEXT_WEEK)))
    told = foreground.console.file.getvalue()
    assert (
        f"model_table: check reaches_as_of_week failed: the table ends with the week of {LAST_WEEK}" in told
    )
    assert "blocking" not in told


@pytest.mark.parametrize("there", [False, True])
def test_a_publication_without_marts_is_refused_at_once_with_the_remedy(new_house, foreground, there):
    with new_house.warehouse.connect() as connection:
        connection.execute("drop schema marts cascade")
    if not there:
        (new_house.root / "warehouse.duckdb").unlink()
    with pytest.raises(InputError, match="has no marts: run make ingest, which builds them"):
        publish(foreground, [])
    assert jobs(new_house) == []
    assert (new_house.root / "warehouse.duckdb").exists() == there


def test_a_week_that_the_table_does_not_reach_leaves_nothing_of_a_vintage(new_house):
    for week in (LAST_WEEK, NEXT_WEEK):
        result = new_house.refresh(week, only="model_table")
        assert result.success == (week == LAST_WEEK)
    weeks = [path.name for path in (new_house.root / "vintages" / MODEL).iterdir()]
    assert weeks == [str(LAST_WEEK)]
    with pytest.raises(FileNotFoundError, match="materialize model_table for"):
        new_house.vintages.current(vintage(NEXT_WEEK))


def test_weeks_before_are_refreshed_with_the_last_the_oldest_first_and_loaded_and_reported_once(new_house):
    foreground = Foreground(
        plain_console(io.StringIO()), jobs=("tests.orchestration.short_ingest", "frozen_alone")
    )
    refresh(foreground, MODEL, None, weeks=3)
    weeks = [str(LAST_WEEK - dt.timedelta(weeks=before)) for before in (2, 1, 0)]
    told = foreground.console.file.getvalue()
    assert [told.index(f"Model {MODEL} as of {week}") for week in weeks] == sorted(
        told.index(f"Model {MODEL} as of {week}") for week in weeks
    )
    # the process beside has no path to these jobs and fits nothing: each week is done here, all of it,
    # whatever inputs were made here before it was known that nobody would fit them
    past = "refresh_past_week"
    assert whole_jobs(new_house)[::-1] == ["ingest", past, past, "refresh_model", "ingest"]
    assert sorted(path.name for path in (new_house.root / "vintages" / MODEL).iterdir()) == weeks
    assert "WEEKS=3 holds no forecast of 4 weeks ahead" in told
    with pytest.raises(InputError, match="no week up to") as error:  # before any of them is begun
        refresh(foreground, MODEL, None, weeks=200)
    assert str(error.value).startswith(f"WEEKS=200: model {MODEL}: ")
    assert "AS_OF" not in str(error.value)
    assert whole_jobs(new_house)[::-1] == ["ingest", past, past, "refresh_model", "ingest", "ingest"]


def test_the_number_of_weeks_that_a_refusal_recommends_is_the_most_that_is_taken(new_house):
    last = last_vintage(new_house.warehouse, MODEL)
    with pytest.raises(InputError, match="choose WEEKS=") as error:
        check_all_reached(new_house.warehouse, up_to(last, 500))
    most = int(re.search(r"choose WEEKS=(\d+) or fewer", str(error.value))[1])
    check_all_reached(new_house.warehouse, up_to(last, most))
    with pytest.raises(InputError, match=f"WEEKS={most + 1}: "):
        check_all_reached(new_house.warehouse, up_to(last, most + 1))


def up_to(last, weeks):
    before = reversed(range(weeks))
    return [type(last)(last.model, str(last.week - dt.timedelta(weeks=count))) for count in before]


@pytest.mark.parametrize(("weeks", "is_told"), [(1, False), (2, True), (4, True), (5, False), (14, False)])
def test_weeks_too_few_for_the_first_forecast_are_told(weeks, is_told):
    hint = too_few_for_a_forecast(weeks)
    assert bool(hint) == is_told
    assert not hint or "WEEKS=5 or more would (9 for 8 weeks ahead and 14 for 13 weeks ahead)" in hint
