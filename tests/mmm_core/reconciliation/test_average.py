import pytest

from mmm_core.reconciliation.average import weighted
from mmm_core.spec.reconciliation_spec import SourceWeights

SOURCES = {"model": (1.0, 0.5), "tests": (2.0, 0.25), "attribution": (4.0, 2.0)}


def test_precision_weights_have_the_least_variance():
    found = weighted(SOURCES, "precision")
    total = 4 + 16 + 0.25
    assert found.value == pytest.approx((4 * 1 + 16 * 2 + 0.25 * 4) / total)
    assert found.sd == pytest.approx(total**-0.5)
    assert found.weights == pytest.approx(
        {"model": 4 / total, "tests": 16 / total, "attribution": 0.25 / total}
    )
    low, high = found.interval
    assert (low + high) / 2 == pytest.approx(found.value)
    assert high - low == pytest.approx(2 * 1.6449 * found.sd, rel=1e-4)


def test_stated_weights_are_shared_out_among_the_sources_there_are():
    stated = SourceWeights(model=0.5, tests=0.3, attribution=0.2)
    assert weighted(SOURCES, stated).value == pytest.approx(0.5 + 0.6 + 0.8)
    some = {name: SOURCES[name] for name in ("model", "attribution")}
    assert weighted(some, stated).weights == pytest.approx({"model": 5 / 7, "attribution": 2 / 7})
    assert weighted({"model": (1.0, 0.5)}, SourceWeights(tests=1)).value == 1.0


def test_a_source_without_error_stands_alone():
    assert weighted({"model": (1.0, 0.5), "tests": (2.0, 0.0)}, "precision").weights == {
        "model": 0.0,
        "tests": 1.0,
    }
