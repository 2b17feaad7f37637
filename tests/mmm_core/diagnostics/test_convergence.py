"""Whether figures of a posterior may be used."""

from mmm_core.diagnostics.convergence import faults
from mmm_core.spec.review_spec import Review


def test_convergence_goes_by_the_reviews_thresholds():
    usual = Review()
    assert faults(1.009, 400, 0.01, usual) == ""
    assert faults(1.28, 400, 0.0, usual).startswith("R-hat 1.28: do not use")
    assert faults(1.28, 400, 0.0, Review(rhat=1.3)) == ""
    assert faults(None, 399, 0.0, usual).startswith("R-hat not defined, bulk ESS 399: ")
    assert faults(1.0, 399, 0.0, Review(ess_bulk=300)) == ""
    assert faults(1.0, 2000, 0.02, usual) == (
        "2.0% of the transitions divergent: do not use these figures; raise `fit: target_accept`"
    )
