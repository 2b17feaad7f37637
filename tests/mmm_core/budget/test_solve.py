"""The solver and its certificate against closed forms and grids: every objective, goal and kind of constraint."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmm_core.budget import solve as solve_module
from mmm_core.budget import target as target_module
from mmm_core.budget.constraints import Constraints, Limit, conflict
from mmm_core.budget.objective import Objective
from mmm_core.budget.problem import Goal, Problem
from mmm_core.budget.response import outcomes, saturating
from mmm_core.budget.solve import PROVED, Unreachable, certified, solve
from mmm_core.budget.target import highest_return

NAMES = ("tv", "search", "radio")
derandomized = settings(
    derandomize=True, max_examples=8, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def curves(slopes=(0.8, 1.0, 0.9), draws=40, seed=0):
    """Hill curves of three channels; all share one compiled program."""
    rng = np.random.default_rng(seed)
    spread = lambda size: np.exp(size * rng.standard_normal((draws, 3)))  # noqa: E731
    return saturating(
        "hill",
        {
            "half_saturation": np.array([0.8, 0.5, 1.2]) * spread(0.2),
            "slope": np.array(slopes) * spread(0.05),
        },
        np.array([300.0, 120.0, 200.0]) * spread(0.3),
        np.full(3, 50.0),
    )


with jax.enable_x64(True):
    CONCAVE, S_SHAPED = curves((0.7, 0.8, 0.75)), curves((2.5, 1.5, 3.0))


def constraints(total=100.0, lower=0.0, upper=90.0, **more):
    limits = () if total is None else (Limit("the total", np.ones(3), total, total),)
    return Constraints(NAMES, np.full(3, lower), np.full(3, upper), limits, **more)


def asked(response, within, objective=None, goal=None):
    return Problem(response, within, objective or Objective(), goal or Goal(), np.full(3, 30.0))


def grid(within, points=91):
    """Every plan on a grid that the constraints allow, those of all-or-nothing channels included."""
    axes = [np.linspace(0.0, high, points) for high in within.upper]
    if within.limits and within.limits[0].is_equality:
        plans = np.array(list(itertools.product(*axes[:2])))
        plans = np.column_stack([plans, within.limits[0].low - plans.sum(axis=1)])
    else:
        plans = np.array(list(itertools.product(*(axis[:: points // 30] for axis in axes))))
    return np.array([plan for plan in plans if within.violation(plan) <= 1e-12])


OBJECTIVES = {
    "expected": Objective(),
    "cvar": Objective("cvar", level=0.8),
    "mean_sd": Objective("mean_risk", weight=0.5),
    "mean_shortfall": Objective("mean_risk", weight=0.5, risk="shortfall", level=0.8),
}


@pytest.mark.slow
@pytest.mark.parametrize("response", [CONCAVE, S_SHAPED], ids=["concave", "s_shaped"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_plan_of_a_grid_does_better_and_none_exceeds_the_bound(response, name):
    problem = asked(response, constraints(), OBJECTIVES[name])
    found = solve(problem)
    plans = grid(problem.constraints)
    values = [problem.objective.value(draws) for draws in np.asarray(outcomes(response, jnp.asarray(plans)))]
    certificate = found.certificate
    assert certificate.value == pytest.approx(problem.objective.value(found.draws), rel=1e-12)
    assert max(values) <= certificate.value * (1 + 1e-6)
    assert certificate.bound >= certificate.value
    assert certificate.gap < 2e-3
    assert certificate.stopped_early == ""
    assert problem.constraints.violation(found.spend) < 1e-9


def test_water_filling():
    # max sum a_c log(1 + x_c) is not a kind of curve here; Michaelis-Menten is: a x / (k + x), a k / (k + x)^2 equal
    ceiling, half = np.array([300.0, 120.0, 200.0]), np.array([40.0, 25.0, 60.0])
    response = saturating("michaelis_menten", {"half_saturation": np.ones((1, 3))}, ceiling[None], half)
    found = solve(asked(response, constraints(upper=100.0)))
    low, high = 1e-6, 100.0
    for _ in range(200):
        price = (low + high) / 2
        spend = np.maximum(np.sqrt(ceiling * half / price) - half, 0.0)
        low, high = (price, high) if spend.sum() > 100.0 else (low, price)
    exact = float((ceiling * spend / (half + spend)).sum())
    assert found.certificate.value == pytest.approx(exact, rel=1e-6)
    assert found.certificate.binding[0].price == pytest.approx(price, rel=1e-3)
    assert found.certificate.binding[0].words.startswith(
        "the total binds: one more unit of spend would return"
    )


def test_a_bound_that_binds_has_its_shadow_price():
    response = CONCAVE
    within = replace(constraints(), upper=np.array([20.0, 90.0, 90.0]))
    found = solve(asked(response, within))
    room = solve(asked(response, replace(within, upper=np.array([20.5, 90.0, 90.0]))))
    binding = {item.name: item for item in found.certificate.binding}["bounds of tv"]
    assert binding.price == pytest.approx((room.certificate.value - found.certificate.value) / 0.5, rel=0.05)
    assert "its upper bound of 20 binds" in binding.words


def test_a_group_limit_holds_and_is_priced():
    group = Limit("group offline", np.array([1.0, 0.0, 1.0]), 0.0, 50.0)
    within = constraints()
    within = replace(within, limits=(*within.limits, group))
    found = solve(asked(CONCAVE, within))
    assert found.spend[[0, 2]].sum() == pytest.approx(50.0)
    assert any(item.name == "group offline" and item.price > 0 for item in found.certificate.binding)
    best = max(CONCAVE.outcome(jnp.array([x, 50.0, 50.0 - x])).mean() for x in np.linspace(0, 50, 501))
    assert found.certificate.value == pytest.approx(float(best), rel=1e-5)
    assert found.certificate.gap < 1e-3


def test_a_sum_as_far_as_the_bounds_of_its_cells_let_it_go_leaves_the_whole_price_to_them():
    # as a plan by geo has it: each cell of tv at its bound, and the sum of tv that the same bounds allow
    def held(upper, sums):
        within = replace(constraints(), upper=np.array([upper, 90.0, 90.0]))
        return replace(within, limits=(*within.limits, Limit("spend of tv", np.eye(3)[0], 0.0, sums)))

    found = solve(asked(CONCAVE, held(20.0, 20.0)))
    value = found.certificate.value
    loosened = solve(asked(CONCAVE, held(20.0, 21.0))).certificate.value
    assert loosened == pytest.approx(value, rel=1e-5)  # the sum alone has no room to give
    price = (solve(asked(CONCAVE, held(20.5, 20.5))).certificate.value - value) / 0.5
    binding = {item.name: item for item in found.certificate.binding}
    assert "spend of tv" not in binding
    assert binding["bounds of tv"].price == pytest.approx(price, rel=0.05)
    slope, total = found.certificate.marginal[0], binding["the total"].price
    assert binding["bounds of tv"].price == pytest.approx(slope - total)
    assert (
        f"{slope:.3g} outcome, {slope - total:.3g} more than where it is spent"
        in binding["bounds of tv"].words
    )


@pytest.mark.parametrize(("floor", "total"), [(30.0, 100.0), (60.0, 120.0)])
def test_all_or_nothing_against_a_grid(floor, total):
    within = constraints(total, floor=np.full(3, floor))
    problem = asked(S_SHAPED, within)
    found = solve(problem)
    assert all(spend == 0 or spend >= floor - 1e-9 for spend in found.spend)
    plans = grid(within)
    best = float(np.asarray(outcomes(S_SHAPED, jnp.asarray(plans))).mean(axis=1).max())
    assert best <= found.certificate.value * (1 + 1e-6)
    assert found.certificate.bound >= best
    assert found.certificate.gap < 2e-3


def test_a_greedy_split_of_s_shaped_curves_is_wrong_and_this_is_not():
    # Both channels pay only past a threshold: unit by unit nothing is worth buying in the second, yet all of the
    # budget there brings the most (Sinha and Zoltners, 1979, on why S-shaped responses defeat marginal analysis).
    response = saturating(
        "hill",
        {"half_saturation": np.array([[0.2, 1.6, 1.0]]), "slope": np.array([[1.0, 6.0, 1.0]])},
        np.array([[60.0, 300.0, 1.0]]),
        np.full(3, 50.0),
    )
    within = constraints(upper=100.0)
    spend = np.zeros(3)
    for _ in range(100):
        steps = spend + np.eye(3)
        spend = steps[int(np.argmax(np.asarray(outcomes(response, jnp.asarray(steps))).mean(axis=1)))]
    greedy = float(response.outcome(jnp.asarray(spend)).mean())
    found = solve(asked(response, within))
    plans = grid(within)
    best = float(np.asarray(outcomes(response, jnp.asarray(plans))).mean(axis=1).max())
    assert found.certificate.value >= best * (1 - 1e-9)
    assert found.certificate.value > 2 * greedy
    assert found.certificate.gap < 1e-3


def test_profit_spends_until_the_margin_is_eaten():
    margin = 0.6
    goal = Goal("net", scale=margin, price=np.ones(3))
    found = solve(asked(CONCAVE, constraints(None), goal=goal))
    slopes = np.asarray(jax.grad(lambda x: CONCAVE.outcome(x).mean())(jnp.asarray(found.spend)))
    inside = (found.spend > 1e-3) & (found.spend < 90 - 1e-3)
    assert inside.any()
    np.testing.assert_allclose(margin * slopes[inside], 1.0, rtol=1e-3)
    assert found.certificate.gap < 1e-3


def test_without_a_limit_a_bound_is_priced_beside_not_spending():
    within = replace(constraints(None), lower=np.array([0.0, 85.0, 0.0]), upper=np.array([5.0, 90.0, 90.0]))
    found = solve(asked(CONCAVE, within, goal=Goal("net", scale=0.2, price=np.ones(3))))
    words = {item.name: item.words for item in found.certificate.binding}
    tv, search, _ = np.abs(found.certificate.marginal)
    assert words["bounds of tv"] == (
        f"one more unit of spend on tv would return {tv:.3g} more than its price: its upper bound of 5 binds"
    )
    assert words["bounds of search"] == (
        f"the last unit of spend on search returns {search:.3g} less than its price: its lower bound of 85 binds"
    )


@pytest.mark.parametrize("response", [CONCAVE, S_SHAPED], ids=["concave", "s_shaped"])
def test_the_most_outcome_at_a_return(response):
    problem = asked(response, constraints(None, lower=5.0), goal=Goal("return", target=2.6))
    found = solve(problem)
    value, spent = found.draws.mean(), found.spend.sum()
    assert value >= 2.6 * spent * (1 - 1e-9)
    plans = grid(problem.constraints)
    brought = np.asarray(outcomes(response, jnp.asarray(plans))).mean(axis=1)
    reaching = brought[brought >= 2.6 * plans.sum(axis=1)]
    assert reaching.max() <= value * (1 + 1e-3)
    assert found.certificate.bound >= reaching.max()


@pytest.mark.parametrize("response", [CONCAVE, S_SHAPED], ids=["concave", "s_shaped"])
def test_the_least_spend_for_an_outcome(response):
    problem = asked(response, constraints(None), goal=Goal("least_spend", target=250.0))
    found = solve(problem)
    assert found.draws.mean() >= 250.0 * (1 - 1e-9)
    plans = grid(problem.constraints)
    brought = np.asarray(outcomes(response, jnp.asarray(plans))).mean(axis=1)
    least = plans.sum(axis=1)[brought >= 250.0].min()
    assert found.spend.sum() <= least * (1 + 1e-3)
    assert found.certificate.bound <= least
    assert found.certificate.value == pytest.approx(found.spend.sum())


@pytest.mark.parametrize(
    ("goal", "of", "says"),
    [
        (Goal("least_spend", target=250.0), lambda spend, draws: -spend.sum(), "would reach the target with"),
        (Goal("return", target=2.6), lambda spend, draws: draws.mean(), "would bring"),
    ],
    ids=["least_spend", "return"],
)
def test_a_bound_of_a_plan_that_just_reaches_a_target_is_priced_in_what_the_goal_asks(goal, of, says):
    def held(upper=20.0, lower=45.0):
        return replace(
            constraints(None), lower=np.array([0.0, lower, 0.0]), upper=np.array([upper, 90.0, 90.0])
        )

    def reached(within):
        plan = solve(asked(CONCAVE, within, goal=goal))
        return of(plan.spend, plan.draws)

    found = solve(asked(CONCAVE, held(), goal=goal))
    slopes = np.asarray(jax.grad(lambda x: CONCAVE.outcome(x).mean())(jnp.asarray(found.spend)))
    more = {
        "bounds of tv": reached(held(upper=20.5)) - reached(held(upper=19.5)),
        "bounds of search": reached(held(lower=44.5)) - reached(held(lower=45.5)),
    }
    binding = {item.name: item for item in found.certificate.binding}
    assert set(binding) == set(more)
    for name, gained in more.items():
        assert abs(binding[name].price) == pytest.approx(gained, rel=0.01)
        words, slope = binding[name].words, slopes[NAMES.index(name.split()[-1])]
        assert f"{slope:.3g} outcome" in words  # what the unit brings itself, not what is left of it
        assert says in words


def test_a_target_that_no_plan_reaches_is_named_with_the_nearest():
    with pytest.raises(Unreachable, match=r"no plan within the constraints reaches 9,000") as refused:
        solve(asked(CONCAVE, constraints(None), goal=Goal("least_spend", target=9000.0)))
    most = float(CONCAVE.outcome(jnp.full(3, 90.0)).mean())
    assert refused.value.nearest == pytest.approx(most, rel=1e-6)
    large = replace(CONCAVE, arrays=replace(CONCAVE.arrays, ceiling=1e6 * CONCAVE.arrays.ceiling))
    with pytest.raises(Unreachable, match=r"reaches 9,000,000,000 .*: the most is [\d,]+, at") as refused:
        solve(asked(large, constraints(None), goal=Goal("least_spend", target=9e9)))
    assert "e+" not in str(refused.value)
    problem = asked(CONCAVE, constraints(None, lower=5.0), goal=Goal("return", target=50.0))
    with pytest.raises(Unreachable, match=r"returns 50 per unit of spend: the highest is") as refused:
        solve(problem)
    highest, plan = highest_return(problem)
    assert refused.value.nearest == pytest.approx(highest, rel=1e-3)
    assert highest == pytest.approx(float(CONCAVE.outcome(jnp.asarray(plan)).mean() / plan.sum()))


def test_the_probability_of_beating_a_plan_is_counted_and_bounded():
    today = np.array([80.0, 10.0, 10.0])
    objective = Objective("probability", reference=np.asarray(CONCAVE.outcome(jnp.asarray(today))))
    problem = asked(CONCAVE, constraints(), objective)
    found = solve(problem)
    assert found.certificate.value == pytest.approx((found.draws > objective.reference).mean())
    plans = grid(problem.constraints, 41)
    shares = (np.asarray(outcomes(CONCAVE, jnp.asarray(plans))) > objective.reference).mean(axis=1)
    assert found.certificate.bound >= shares.max()
    assert found.certificate.value >= shares.max() - 0.05


def test_floors_that_no_total_fits_are_a_conflict_with_it():
    names = conflict(constraints(100.0, floor=np.full(3, 60.0)))
    assert "the total" in names
    assert "tv all or nothing, 60 at least" in names


def test_conflicts_are_irreducible_and_named_before_anything_is_solved():
    within = replace(constraints(total=50.0), lower=np.array([40.0, 2.0, 30.0]))
    with pytest.raises(Unreachable) as refused:
        solve(asked(CONCAVE, within))
    message = str(refused.value)
    assert "the lower bound of tv, 40" in message
    assert "the lower bound of radio, 30" in message
    assert "search" not in message
    assert "the nearest is 72" in message
    names = conflict(within)
    assert sorted(names) == sorted(["the lower bound of tv, 40", "the lower bound of radio, 30", "the total"])
    # the total, and the two largest commitments; without any of them there is a plan
    assert conflict(replace(within, lower=np.array([0.0, 2.0, 30.0]))) == []
    assert conflict(replace(within, limits=())) == []


def test_the_nearest_figure_is_one_that_a_plan_has():
    # each of three is off or spends 60 to 90: 100 lies in the hole between 90 and 120
    with pytest.raises(Unreachable, match=r"the others allow 0 to 270: the nearest is 90$"):
        solve(asked(CONCAVE, constraints(100.0, floor=np.full(3, 60.0))))
    with pytest.raises(Unreachable, match=r"the others allow 0 to 270: the nearest is 120$"):
        solve(asked(CONCAVE, constraints(110.0, floor=np.full(3, 60.0))))


def test_where_limits_conflict_by_themselves_the_nearest_of_the_first_is_that_of_the_bounds():
    groups = tuple(Limit(f"group {name}", row, 0.0, 10.0) for name, row in zip(NAMES, np.eye(3), strict=True))
    within = replace(constraints(None, lower=20.0), limits=groups[:2])
    with pytest.raises(Unreachable, match=r"at most 10; the bounds allow 20 to 90: the nearest") as no:
        solve(asked(CONCAVE, within))
    assert str(no.value).endswith("the nearest is 20; other limits conflict too")


@derandomized
@given(st.floats(20, 200), st.floats(1.01, 1.5))
def test_more_budget_never_lowers_the_optimum_where_it_need_not_be_spent(total, more):
    def best(most):
        limit = Limit("the total", np.ones(3), 0.0, most)
        return solve(asked(S_SHAPED, replace(constraints(None), limits=(limit,)))).certificate

    less, larger = best(total), best(total * more)
    assert larger.value >= less.value * (1 - 1e-4)
    assert larger.bound >= less.value


@derandomized
@given(st.floats(0, 30), st.floats(35, 80), st.floats(0.1, 10))
def test_loosening_a_bound_never_lowers_the_optimum(lower, upper, room):
    tight = replace(constraints(), lower=np.array([lower, 0, 0]), upper=np.array([upper, 90, 90]))
    loose = replace(tight, lower=np.maximum(tight.lower - room, 0), upper=tight.upper + room)
    less, more = (solve(asked(S_SHAPED, within)).certificate for within in (tight, loose))
    assert more.value >= less.value * (1 - 1e-4)
    assert more.bound >= less.value


@derandomized
@given(st.permutations(range(3)), st.floats(0.01, 100))
def test_neither_the_order_of_channels_nor_the_currency_changes_the_plan(order, rate):
    base = solve(asked(S_SHAPED, constraints()))
    order = np.array(order)
    arrays = S_SHAPED.arrays
    moved = replace(
        S_SHAPED,
        arrays=replace(
            arrays,
            by_channel=tuple(arrays.by_channel[i] for i in order),
            ceiling=arrays.ceiling[order] * rate,
        ),
        unit=S_SHAPED.unit * rate,
    )
    within = constraints(total=100.0 * rate, upper=90.0 * rate)
    other = solve(Problem(moved, within, start=np.full(3, 30.0 * rate)))
    assert other.certificate.value == pytest.approx(base.certificate.value * rate, rel=1e-4)
    np.testing.assert_allclose(other.spend / rate, base.spend[order], atol=0.5)


def test_a_price_that_rises_with_spend_buys_less_and_is_bounded():
    dear = replace(CONCAVE, rise=jnp.full(3, 0.5), unit=jnp.full(3, 20.0))
    cheap = replace(dear, rise=jnp.zeros(3))
    found, free = solve(asked(dear, constraints())), solve(asked(cheap, constraints()))
    assert found.certificate.value < free.certificate.value
    assert found.certificate.gap < 1e-3
    spend = jnp.array([40.0, 20.0, 10.0])
    # twice the unit buys 2 ** (1 / 1.5) times its media; at and below the unit prices stay
    same = cheap.outcome(jnp.array([20.0 * 2 ** (1 / 1.5), 20.0, 10.0]))
    np.testing.assert_allclose(dear.outcome(spend), same)


def test_a_step_that_ended_early_is_not_said_of_a_plan_that_is_proved():
    problem = asked(CONCAVE, constraints())
    found = solve(problem)
    value = found.certificate.value
    proved, loose = (
        certified(problem, found.spend, value, bound, "envelopes", "a step ended early").certificate
        for bound in (value * (1 + 0.5 * PROVED), value * (1 + 5 * PROVED))
    )
    assert proved.stopped_early == ""
    assert loose.stopped_early == "a step ended early"


def test_a_solver_that_stops_early_says_so_and_its_plan_is_still_certified():
    found = solve(asked(S_SHAPED, constraints(), Objective("cvar", level=0.8)), seconds=0.0)
    assert "ended with its time" in found.certificate.stopped_early
    assert np.isfinite(found.certificate.bound)
    assert found.certificate.bound >= found.certificate.value


@pytest.mark.parametrize(
    ("goal", "module"),
    [
        (Goal(), solve_module),
        (Goal("least_spend", target=200.0), target_module),
        (Goal("return", target=1.8), target_module),
    ],
)
def test_rounds_that_are_used_up_are_said(goal, module, monkeypatch):
    problem = asked(
        S_SHAPED, constraints(None if goal.kind != "outcome" else 70.0), OBJECTIVES["cvar"], goal=goal
    )
    monkeypatch.setattr(module, "MOST_ROUNDS", 1)
    found = solve(problem).certificate
    assert found.gap > PROVED
    assert "the search for a closer bound ended after 1 round" in found.stopped_early
    if module is target_module:
        assert "ended with its time" in solve(problem, seconds=0.0).certificate.stopped_early


def test_a_target_below_what_is_proved_to_be_the_most_was_only_not_found(monkeypatch):
    monkeypatch.setattr(solve_module, "MOST_ROUNDS", 1)
    within = replace(constraints(None), limits=(Limit("the total", np.ones(3), high=70.0),))
    loose = solve(asked(S_SHAPED, within, OBJECTIVES["cvar"])).certificate
    assert loose.gap > 0.01
    for target, says in ((loose.bound * 0.999, "was found that reaches"), (loose.bound * 1.01, "reaches")):
        goal = Goal("least_spend", target=target)
        with pytest.raises(Unreachable, match=f"no plan within the constraints {says}"):
            solve(asked(S_SHAPED, within, OBJECTIVES["cvar"], goal=goal))
