"""Aliases move of a model and of all that answers from it, or of none: whenever a process is killed."""

import shutil

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from assets.models import ANSWERS, LONG_TERM, Vintage
from assets.registry.aliases import MODEL, move_challenger, move_champions
from assets.resources.tracking import Tracking, registered_name

NAME = "us"
KINDS = (MODEL, *ANSWERS, LONG_TERM)
CALLS = ("set_registered_model_alias", "delete_registered_model_alias")


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def tracking(mlflow_database, tmp_path_factory):
    """Three versions of everything: version n is of posterior n."""
    path = shutil.copyfile(mlflow_database, tmp_path_factory.mktemp("aliases") / "mlflow.db")
    tracking = Tracking(uri=f"sqlite:///{path}", ui="")
    client = tracking.client()
    for kind in KINDS:
        client.create_registered_model(registered_name(NAME, kind))
        for _ in range(3):
            client.create_model_version(registered_name(NAME, kind), source=f"file://{path}")
    return tracking


def all_of(version):
    return dict.fromkeys(KINDS, version)


def live(tracking, alias="champion"):
    return {kind: tracking.aliases(NAME, kind).get(alias) for kind in KINDS}


@pytest.fixture
def killed_after(monkeypatch):
    """Have the process killed when it has changed so many aliases."""
    left = [10**6]

    def counted(original):
        def call(self, *arguments):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return original(self, *arguments)

        return call

    for name in CALLS:
        monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
    return lambda changes: left.__setitem__(0, changes)


def test_a_reader_meets_answers_of_one_posterior_wherever_a_process_is_killed(tracking, killed_after):
    changes, ended = 0, False
    while not ended:
        killed_after(10**6)
        move_champions(tracking, NAME, all_of("1"))
        killed_after(changes)
        try:
            move_champions(tracking, NAME, all_of("2"))
            ended = True
        except Killed:
            found = live(tracking)
            assert {found[kind] for kind in KINDS} - {None} == {found[MODEL]}
        killed_after(10**6)
        move_champions(tracking, NAME, all_of("2"))  # the next promotion ends it
        assert live(tracking) == all_of("2")
        assert live(tracking, "previous") == all_of("1")
        changes += 1
    assert changes > 2 * len(KINDS)


def test_a_champion_without_a_long_term_leaves_none_of_another_posterior(tracking):
    move_champions(tracking, NAME, all_of("1"))
    move_champions(tracking, NAME, all_of("3") | {LONG_TERM: None})
    assert live(tracking) == all_of("3") | {LONG_TERM: None}
    assert live(tracking, "previous") == all_of("1")
    with pytest.raises(MlflowException, match="alias champion not found"):
        tracking.client().get_model_version_by_alias(registered_name(NAME, LONG_TERM), "champion")


def test_what_is_live_already_stays_so_without_a_call(tracking, monkeypatch):
    move_champions(tracking, NAME, all_of("2"))
    before = live(tracking, "previous")
    for name in CALLS:
        monkeypatch.setattr(MlflowClient, name, lambda *_: pytest.fail("nothing was to move"))
    move_champions(tracking, NAME, all_of("2"))
    assert live(tracking, "previous") == before


def challenge(tracking, version, kinds=(MODEL, "curves", LONG_TERM, "budget")):
    """A refresh's steps, one after the other: each makes a version of its kind, of the model version of that number."""
    for kind in kinds:
        move_challenger(tracking, Vintage(NAME, "2025-03-17"), kind, version, version)


def test_challengers_are_of_one_posterior_wherever_a_refresh_is_killed(tracking, killed_after):
    changes, ended = 0, False
    while not ended:
        killed_after(10**6)
        challenge(tracking, "1")
        assert live(tracking, "challenger") == all_of("1")
        killed_after(changes)
        try:
            challenge(tracking, "2")
            ended = True
        except Killed:
            found = live(tracking, "challenger")
            assert {found[kind] for kind in KINDS} - {None} == {found[MODEL]}
        killed_after(10**6)
        challenge(tracking, "2")  # the next run ends it
        assert live(tracking, "challenger") == all_of("2")
        changes += 1
    assert changes > len(KINDS)


def test_new_curves_of_the_same_model_leave_no_budget_of_the_old_ones(tracking):
    challenge(tracking, "1")
    move_challenger(tracking, Vintage(NAME, "2025-03-17"), "curves", "3", "1")
    assert live(tracking, "challenger") == all_of("1") | {"curves": "3", "budget": None}
    move_challenger(tracking, Vintage(NAME, "2025-03-17"), "budget", "3", "1")
    assert live(tracking, "challenger")["budget"] == "3"


def test_answers_of_another_model_version_than_the_latest_do_not_join_it(tracking):
    challenge(tracking, "2")
    challenge(tracking, "1", ("curves", LONG_TERM, "budget"))  # a past week's, whose model stayed behind
    assert live(tracking, "challenger") == all_of("2")
