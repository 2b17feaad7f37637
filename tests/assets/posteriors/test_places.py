"""Steps that need a pool for a moment of their time have their place then, and before and after others may."""

from dataclasses import replace

import dagster as dg
import pytest

from assets.posteriors.calibration_report import calibration_report
from assets.posteriors.mmm_posterior import mmm_posterior
from assets.posteriors.model_review import model_review
from assets.registry.registered_model import registered_model
from assets.resources.dead_runs import holders
from assets.resources.fitting import FitProcess
from assets.resources.warehouse import Warehouse
from mmm_core.posterior.schema import calibrated_by
from tests.assets.vintage import SMALL
from tests.fixtures_warehouse import failure
from tests.mmm_core.agreement.calibrated import calibrated

pytestmark = pytest.mark.slow


POOLS = {"concurrency": {"pools": {"granularity": "op", "default_limit": 1}}}
"""As in orchestration/dagster.yaml."""


@pytest.fixture
def limited(unfitted):
    """An unfitted vintage where a pool has one place, as the platform's have."""
    with dg.instance_for_test(POOLS) as instance:
        yield replace(unfitted, instance=instance)


def watched(monkeypatch, stages, pool, owner, method):
    """Who holds a pool whenever a method is called."""
    called, seen = getattr(owner, method), []

    def call(self, *args, **options):
        seen.append(holders(stages.instance, pool))
        return called(self, *args, **options)

    monkeypatch.setattr(owner, method, call)
    return seen


def test_a_review_has_the_warehouse_to_itself_while_it_writes(limited, monkeypatch):
    limited.registered()
    writes = watched(monkeypatch, limited, "duckdb", Warehouse, "replace_results")
    reads = watched(monkeypatch, limited, "duckdb", type(limited.posteriors), "load")
    limited.materialize(model_review)  # whose gates such a posterior does not pass
    (while_writing,) = writes
    assert ["model_review" in holder for holder in while_writing] == [True]
    assert reads[0] == []  # it reads, and judges, without
    assert holders(limited.instance, "duckdb") == []


def test_a_calibration_report_that_asks_for_fits_has_the_cores_to_itself(limited, monkeypatch):
    tree = calibrated({"tv-1": 1.1}, SMALL)
    evidence = limited.accept(*calibrated_by(tree).tests)
    limited.put_posterior(attrs={"lift_tests": evidence.to_json()})
    for asset in (mmm_posterior, registered_model):
        assert limited.materialize(asset).success
    fits = watched(monkeypatch, limited, "mcmc", FitProcess, "run")
    assert failure(limited.materialize(calibration_report))  # of the process, which fails here
    (while_fitting,) = fits
    assert ["calibration_report" in holder for holder in while_fitting] == [True]
    assert holders(limited.instance, "mcmc") == []
