"""Goals of weekly plans: against plans by channel, the same question at a fixed total, and what no plan reaches."""

import pytest

from mmm_core.budget.decide import decide
from mmm_core.errors import InputError
from mmm_core.spec.budget_spec import Budget
from tests.mmm_core.posteriors import posterior

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hurried_compiler")]


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=5, slope=1.0)


def found(tree, by="week", **keys):
    return decide(tree, Budget(**{"weeks": 4, "bounds": {"default": (0.2, 2.0)}, "by": by, **keys}))


@pytest.fixture(scope="module")
def now(tree):
    """The best flighting of the last period's total."""
    return found(tree)


@pytest.fixture(scope="module")
def margin(now):
    """With which the next unit of spend pays just about there."""
    return 1.0 / float(now.certificate.marginal.max())


@pytest.fixture(scope="module")
def profit(tree, margin):
    return found(tree, goal={"profit": {"margin": margin}})


def test_the_most_profitable_flighting_is_that_of_its_own_total_and_of_no_other(tree, now, margin, profit):
    net = margin * profit.recommended_outcome - profit.total
    assert profit.certificate.value == pytest.approx(net)
    assert margin * now.recommended_outcome - now.total <= net * (1 + 1e-9)
    assert net <= profit.certificate.bound
    assert profit.certificate.gap < 0.01
    least, most = (profit.channels[bound].sum() for bound in ("lower", "upper"))
    assert 1.05 * least < profit.total < 0.95 * most
    same = found(tree, total=profit.total)
    assert same.recommended_outcome == pytest.approx(profit.recommended_outcome, rel=1e-5)
    for other in (0.95, 1.05):
        elsewhere = found(tree, total=other * profit.total)
        assert margin * elsewhere.recommended_outcome - elsewhere.total < net
    # spending until one more unit returns 1 / margin is the same question
    returned = found(tree, goal={"mroi": 1 / margin})
    assert returned.certificate.value == pytest.approx(net / margin, rel=1e-6)


def test_the_least_spend_for_an_outcome_is_that_of_the_plan_that_brings_it(tree, profit):
    asked = {"outcome": profit.recommended_outcome}
    weekly = found(tree, goal=asked)
    assert weekly.recommended_outcome == pytest.approx(profit.recommended_outcome, rel=1e-6)
    assert weekly.total == pytest.approx(profit.total, rel=1e-3)
    assert weekly.certificate.bound <= min(weekly.total, profit.total) * (1 + 1e-9)
    assert weekly.certificate.gap < 0.01
    assert weekly.certificate.stopped_early == ""


def test_little_outcome_needs_little_spend_where_channels_may_have_none(tree, now):
    # a price that buys little is many times the slope where everything is spent
    share = 0.05
    target, wide = share * now.current_outcome, {"default": (0.0, 3.0)}
    weekly = found(tree, goal={"outcome": target}, bounds=wide)
    assert weekly.recommended_outcome == pytest.approx(target, rel=1e-6)
    assert weekly.total < share * weekly.current_total
    assert weekly.certificate.gap < 0.01
    less = found(tree, total=0.97 * weekly.total, bounds=wide)
    assert less.recommended_outcome < target


def test_where_curves_are_s_shaped_no_smaller_total_reaches_the_outcome(now):
    # bursts that no price leads to: the totals below the plan are tried as well
    steep, wide = posterior(draws=5, slope=3.0), {"default": (0.0, 2.0)}
    target = 0.3 * now.current_outcome
    weekly = found(steep, goal={"outcome": target}, bounds=wide)
    assert weekly.recommended_outcome == pytest.approx(target, rel=1e-6)
    assert 0.7 * weekly.total < weekly.certificate.bound < weekly.total
    assert found(steep, total=0.97 * weekly.total, bounds=wide).recommended_outcome < target


def test_an_outcome_that_the_least_spend_brings_needs_no_more_than_that(tree, now):
    weekly = found(tree, goal={"outcome": 0.01 * now.current_outcome})
    assert weekly.total == pytest.approx(weekly.channels["lower"].sum(), rel=1e-6)
    assert weekly.certificate.gap < 1e-6


def test_a_return_is_kept_with_more_outcome_than_by_channel(tree, now):
    target = 1.1 * now.recommended_outcome / now.total
    weekly, by_channel = found(tree, goal={"roi": target}), found(tree, by="channel", goal={"roi": target})
    assert weekly.recommended_outcome / weekly.total == pytest.approx(target, rel=1e-6)
    assert (
        by_channel.recommended_outcome * (1 - 1e-6) <= weekly.recommended_outcome <= weekly.certificate.bound
    )
    assert weekly.certificate.gap < 0.02
    # a fixed total a little larger returns less than asked for
    more = found(tree, total=1.05 * weekly.total)
    assert more.recommended_outcome / more.total < target


def test_a_return_that_everything_has_holds_nothing_back(tree):
    low = found(tree, goal={"roi": 1e-3})
    assert low.total == pytest.approx(low.channels["upper"].sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ({"roi": 99.0}, "returns 99 per unit of spend: the highest is"),
        ({"outcome": 1e9}, r"reaches 1,000,000,000 .*: the most"),
    ],
)
def test_what_no_flighting_reaches_is_named_with_the_nearest(tree, goal, words):
    with pytest.raises(InputError, match=words):
        found(tree, goal=goal)
