"""Several weeks at once: a process beside fits them, and those before the last are brief."""

import datetime as dt
import io
import json
import os
import threading

import dagster as dg
import pytest

from assets.brief import LEFT_OUT
from assets.models import Vintage, load_model
from assets.resources.settings import REPOSITORY
from orchestration.fits_ahead import FIT, INPUTS, UP_TO_THE_FIT, Beside, FitsAhead, Week
from orchestration.foreground import Foreground
from orchestration.refresh import refresh, weeks_of
from orchestration.terminal import plain_console
from tests.orchestration.house import LAST_WEEK, MODEL, failure, vintage
from tests.orchestration.test_refresh import LONG_TERM, STAGES

PAST = LAST_WEEK - dt.timedelta(weeks=1)
ROWS = {"channel_roi": 10, "budget_allocation": 2, "budget_readiness": 9, "provenance": 1}
BESIDE = ("budget_scenarios", "long_term_roi", "total_roi", "impulse_responses", "brand_metrics")


def held(house, week) -> dict[str, int]:
    """Rows of a vintage in the tables of `results`."""
    tables = [*ROWS, *BESIDE]
    with house.warehouse.connect(read_only=True) as connection:
        return {
            name: connection.execute(
                f"select count(*) from results.{name} where as_of_week = ?", [week]
            ).fetchone()[0]
            for name in tables
        }


def pictures(house, asset, week) -> list[str]:
    """Titles of the pictures that an asset's latest materialization of a week shows."""
    records = house.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[vintage(week).key]), limit=1
    ).records
    found = records[0].asset_materialization.metadata
    return [name for name, value in found.items() if "data:image/png" in str(value.value)]


@pytest.mark.slow
def test_past_weeks_are_fitted_beside_and_brief_and_the_last_is_whole(new_house, monkeypatch):
    house = new_house
    house.track_brand()
    house.write_spec(long_term=LONG_TERM)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))  # for the process beside: the jobs are the tests'
    foreground = Foreground(
        plain_console(io.StringIO()), jobs=("tests.orchestration.short_ingest", "models_alone")
    )
    refresh(foreground, MODEL, None, weeks=2)
    told = foreground.console.file.getvalue()
    assert foreground.failed == []
    assert told.index(f"Model {MODEL} as of {PAST}") < told.index(f"Model {MODEL} as of {LAST_WEEK}")
    assert "Return on investment" in told
    assert "did not get so far" not in told

    made = {
        (run.job_name, run.tags["dagster/partition"], bool(run.tags.get("refresh/brief"))): set()
        for run in house.instance.get_runs()
        if "dagster/partition" in run.tags
    }
    by_run = []
    for run in house.instance.get_runs():
        events = house.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        names = {event.dagster_event.asset_key.to_user_string() for event in events}
        if "dagster/partition" in run.tags:
            by_run.append(names)
            made[(run.job_name, run.tags["dagster/partition"], bool(run.tags.get("refresh/brief")))] |= names
    assert made == {
        ("refresh_past_week", vintage(PAST).key, True): STAGES - set(LEFT_OUT),
        ("refresh_model", vintage().key, False): STAGES,
    }
    # inputs are made here while there is nothing to read, or beside with the fit
    fitted = [names & set(UP_TO_THE_FIT) for names in by_run if "mmm_posterior" in names]
    inputs = [names for names in by_run if names == set(INPUTS)]
    assert len(fitted) == 2
    assert fitted.count(set(FIT)) == len(inputs) >= 1
    assert fitted.count(set(UP_TO_THE_FIT)) == 2 - len(inputs)

    assert held(house, PAST) == {**ROWS, **dict.fromkeys(BESIDE, 0)}
    whole = held(house, LAST_WEEK)
    assert {name: whole[name] for name in ROWS} == ROWS
    assert min(whole.values()) > 0
    assert pictures(house, "contributions", PAST) == pictures(house, "data_health", PAST) == []
    assert len(pictures(house, "contributions", LAST_WEEK)) == 2

    # the past week made whole is of the same posterior, and a brief run keeps what was made of that
    version = house.posteriors.current(vintage(PAST))
    assert house.refresh(PAST).success
    assert house.posteriors.current(vintage(PAST)) == version
    whole = held(house, PAST)
    assert min(whole.values()) > 0
    assert [week.job for week in weeks_of(vintage(), 2, whole=False)] == ["refresh_model"] * 2
    assert house.refresh(PAST, job="refresh_past_week").success
    assert held(house, PAST) == whole

    # of another budget there are no scenarios, of another posterior no long term either
    house.write_spec(long_term=LONG_TERM, budget={"weeks": 8, "bounds": {"default": [0.5, 1.5]}})
    answers = "budget_allocation budget_readiness stability champion published_results"
    assert house.refresh(PAST, only=answers, job="refresh_past_week").success
    assert held(house, PAST) == {**whole, "budget_scenarios": 0}
    house.write_spec(long_term=LONG_TERM, fit={"chains": 2, "warmup": 150, "draws": 150, "seed": 4})
    assert house.refresh(PAST, job="refresh_past_week").success
    assert held(house, PAST) == {**ROWS, **dict.fromkeys(BESIDE, 0)}


def test_a_budget_that_counts_the_long_term_has_its_past_weeks_whole(new_house):
    jobs = lambda **how: [week.job for week in weeks_of(vintage(), 3, **how)]  # noqa: E731
    brief = ["refresh_past_week", "refresh_past_week", "refresh_model"]
    assert jobs(whole=False) == brief
    assert jobs(whole=True) == ["refresh_model"] * 3
    assert [week.vintage.as_of_week for week in weeks_of(vintage(), 2, False)] == [str(PAST), str(LAST_WEEK)]
    new_house.write_spec(long_term=LONG_TERM, budget={"weeks": 8, "horizon": "long"})
    assert load_model(MODEL).budget.horizon == "long"
    assert jobs(whole=False) == ["refresh_model"] * 3
    refused = new_house.refresh(PAST, only="model_table", job="refresh_past_week")
    words = failure(refused, "model_table")
    assert "its budget counts the long term: run refresh_model for this week" in words


class Refused(Beside):
    """A run that makes a posterior which a blocking check then refuses."""

    def run(self, *_, **__):
        self.failed.append(self.title)
        return {"mmm_posterior": {"posterior_version": "v"}}


def test_a_posterior_that_its_check_refused_is_no_fit():
    reads, writes = os.pipe()
    Refused(plain_console(io.StringIO()), channel=writes).fit(f"refresh_model:{vintage().key}", FIT)
    os.close(writes)
    with os.fdopen(reads) as said:
        assert json.loads(said.read()) == {"week": f"refresh_model:{vintage().key}", "posterior": ""}


def test_what_the_process_beside_says_is_shown_and_its_end_ends_the_wait():
    first, second = weeks_of(vintage(), 2, whole=False)
    lines = [
        {"say": "mmm_posterior"},
        {"tell": "waits for mcmc"},
        {"week": first.name, "posterior": "v"},
    ]
    cut = "\n".join(json.dumps(line) for line in lines) + '\n{"week": '
    ahead = FitsAhead()
    foreground = Foreground(plain_console(io.StringIO()))
    threading.Timer(0.3, ahead.listen, [io.BytesIO(cut.encode())]).start()
    assert ahead.wait(first, foreground) == "v"
    assert ahead.wait(second, foreground) == ""
    assert ahead.doing == "mmm_posterior"
    assert foreground.console.file.getvalue().count("waits for mcmc") == 1


class Reader(Foreground):
    """Makes no inputs, and notes which it was asked for; those of `refused` weeks fail."""

    def __init__(self, *refused: Week):
        super().__init__(plain_console(io.StringIO()))
        self.made: list[Vintage] = []
        self.refused = [week.vintage for week in refused]

    def makes(self, job, vintage, only):
        assert (job, tuple(only)) == ("refresh_past_week", INPUTS)
        self.made.append(vintage)
        return vintage not in self.refused


class Asked(io.BytesIO):
    """What the process beside was asked for, and whether it was told that this is all."""

    all = False

    def close(self):
        self.all = True

    def weeks(self) -> list[tuple[str, tuple[str, ...]]]:
        lines = [json.loads(line) for line in self.getvalue().splitlines()]
        return [(line["week"], tuple(line["only"])) for line in lines]


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr("orchestration.fits_ahead.READING", ())
    return [
        Week("refresh_past_week", Vintage(MODEL, str(LAST_WEEK - dt.timedelta(weeks=n))))
        for n in (4, 3, 2, 1)
    ]


def test_while_there_is_nothing_to_read_inputs_are_made(four):
    asked, reader = Asked(), Reader()
    ahead = FitsAhead(asked, list(four))
    threading.Timer(0.3, ahead._take, [{"week": four[0].name, "posterior": "v"}]).start()
    assert ahead.wait(four[0], reader) == "v"
    assert reader.made == [week.vintage for week in four]
    assert asked.weeks() == [(week.name, FIT) for week in four]
    assert asked.all


def test_a_process_beside_that_would_wait_makes_the_inputs_itself(four):
    asked, reader = Asked(), Reader()
    ahead = FitsAhead(asked, list(four))
    ahead.fitted[four[0].name] = "v"  # it is there to be read
    assert ahead.wait(four[0], reader) == "v"
    assert ahead.wait(four[0], reader) == "v"
    assert asked.weeks() == [(week.name, UP_TO_THE_FIT) for week in four[:2]]
    ahead._take({"week": four[1].name, "posterior": "w"})
    assert ahead.wait(four[1], reader) == "w"
    assert [week for week, _ in asked.weeks()] == [week.name for week in four[:3]]
    assert reader.made == []
    assert not asked.all


def test_a_week_whose_inputs_fail_is_for_whoever_reads_to_do_again(four):
    asked, reader = Asked(), Reader(four[0])
    ahead = FitsAhead(asked, list(four))
    assert ahead.wait(four[0], reader) == ""
    assert reader.made == [four[0].vintage]
    assert asked.weeks() == [(week.name, UP_TO_THE_FIT) for week in four[1:3]]
    assert reader.failed == []


def test_a_process_beside_that_has_ended_is_asked_for_nothing_more(four):
    reads, writes = os.pipe()
    os.close(reads)
    reader = Reader()
    with os.fdopen(writes, "wb", buffering=0) as asks:
        ahead = FitsAhead(asks, list(four))
        threading.Timer(0.2, ahead.ended.set).start()
        assert ahead.wait(four[0], reader) == ""
        ahead.left = list(four)
        assert ahead.wait(four[1], reader) == ""
        assert ahead.left == four
