"""Certificates against brute force on random problems: curves of every kind, bounds and totals.

A channel's response is a sum of two curves of its kind with scales of their own, so that curvature may change its sign
several times. Every problem has the same five channels, of which some are held at no spend: nothing is compiled twice.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmm_core.budget.envelope import Cells
from mmm_core.budget.optimum import increasing, maximise
from mmm_core.budget.search import Search, project
from mmm_core.effects.curves import ChannelResponse, SpendResponse
from mmm_core.effects.slopes import cell_bounds

KINDS = ("hill", "hill", "logistic", "power", "tanh")
SATURATED_FIRST = 1
UNITS = 160
"""Steps of the brute-force grid that the total has."""

derandomized = settings(
    derandomize=True, max_examples=50, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def plan_of(figures, log):
    """A response whose arrays may be traced; `figures` as `problem` draws them."""
    lags = jnp.array([[0.7, 0.3], [0.5, 0.5]])
    channels = []
    for i, kind in enumerate(KINDS):
        scale, shape, carried = figures["scale"][i], figures["shape"][i], figures["carried"][i]
        parameters = {
            "hill": {"half_saturation": scale, "slope": shape},
            "logistic": {"rate": 1 / scale},
            "power": {"exponent": jnp.minimum(shape, 1.0)},
            "tanh": {"half_saturation": scale},
        }[kind]
        media = jnp.array([[[1.0, 0.4]], [[1.0, 0.4]]])  # (draw, geo, week)
        first = i == SATURATED_FIRST
        channels.append(
            ChannelResponse(
                saturation=kind,
                parameters=parameters,
                carried=carried * jnp.ones((2, 1, 2)),
                planned=None if first else media,
                flight=media[0] if first else None,
                lags=lags,
                reached=False,
            )
        )
    return SpendResponse(
        channels=KINDS,
        by_channel=tuple(channels),
        weeks=2,
        outcome="revenue",
        positions=np.arange(2),
        current=np.ones(len(KINDS)),
        repeated=np.ones(len(KINDS)),
        last_week=np.full(len(KINDS), np.datetime64("2024-01-01")),
        weeks_since=np.ones(len(KINDS), dtype=int),
        weeks_of_data=2,
        log=log,
        ceiling=figures["ceiling"],
        worth=jnp.ones((1, 1, 1, 2)),
    )


@cache
def compiled(log):
    bounds = jax.jit(lambda figures, low, high: cell_bounds(plan_of(figures, log).arrays, low, high))
    values = jax.jit(lambda figures, spend: plan_of(figures, log).expected(spend))
    return bounds, values, jax.jit(jax.vmap(values, in_axes=(None, 0)))


@st.composite
def problems(draw):
    """Figures of the curves, whole numbers of grid units that the bounds are, and whether effects multiply."""
    number = lambda low, high: st.floats(low, high, allow_nan=False)  # noqa: E731
    per_draw = lambda low, high: [[draw(number(low, high)) for _ in range(2)] for _ in KINDS]  # noqa: E731
    figures = {
        # from far inside of a cell of the first grid to far beyond the total
        "scale": 10.0 ** np.array(per_draw(-2.5, 1.0)),
        "shape": np.array(per_draw(0.3, 6.0)),
        "carried": np.array([draw(st.sampled_from([0.0, 0.0, 0.02, 0.5])) for _ in KINDS]),
        "ceiling": np.array(per_draw(0.05, 1.0))[..., None],
    }
    taking_part = draw(st.permutations(range(len(KINDS))))[: draw(st.integers(2, 5))]
    lower, upper = np.zeros(len(KINDS), int), np.zeros(len(KINDS), int)
    for channel in taking_part:
        lower[channel] = draw(st.sampled_from([0, 0, 0, 3, 20]))
        upper[channel] = lower[channel] + draw(st.sampled_from([0, 10, 50, UNITS, 128 * UNITS]))
    if lower.sum() > UNITS:
        lower[:] = 0
    if upper.sum() < UNITS:
        upper[taking_part[0]] += UNITS
    return {name: jnp.asarray(values) for name, values in figures.items()}, lower, upper, draw(st.booleans())


def best_on_the_grid(tables, lower, upper, units):
    """The best sum of tables (channel, unit) over whole numbers of units within bounds that add up to `units`."""
    best = np.full(units + 1, -np.inf)
    best[0] = 0.0
    for table, low, high in zip(tables, lower, upper, strict=True):
        after = np.full(units + 1, -np.inf)
        for spent in range(low, min(high, units) + 1):
            after[spent:] = np.maximum(after[spent:], best[: units + 1 - spent] + table[spent])
        best = after
    return best[units]


@derandomized
@given(problems())
def test_a_bound_holds_and_is_met(problem):
    figures, lower_units, upper_units, log = problem
    bounds, values, many = compiled(log)
    unit = 1.0 / UNITS
    lower, upper = lower_units * unit, upper_units * unit

    def enclose(low, high):
        first, last, least, most, top = map(np.asarray, bounds(figures, low, high))
        return Cells(low, high, first, last, least, most, top)

    search = Search(enclose, lambda spend: float(values(figures, spend).sum()), lower, upper, 1.0)
    search.run(1e-5)
    # feasible, exactly
    assert search.plan.sum() == pytest.approx(1.0, abs=1e-15)
    assert (search.plan >= lower).all()
    assert (search.plan <= upper).all()
    # a grid's plans are feasible: none beats the bound
    steps = UNITS + len(KINDS)
    tables = np.asarray(
        many(figures, jnp.asarray(np.arange(steps + 1)[:, None] * unit * np.ones(len(KINDS))))
    ).T
    brute = best_on_the_grid(tables, lower_units, upper_units, UNITS)
    assert search.bound >= brute * (1 - 1e-12)
    assert search.best >= brute - (search.bound - search.best) - 1e-12
    # spend rounded up to the grid brings no less: the best of that is beyond every plan
    beyond = max(
        best_on_the_grid(tables, lower_units, upper_units + 1, UNITS + more) for more in range(len(KINDS) + 1)
    )
    assert search.best <= beyond * (1 + 1e-12)
    assert (search.bound - search.best) / search.bound <= 1e-5


@settings(derandomized, max_examples=8)
@given(problems())
def test_what_only_increases_is_bounded_too(problem):
    figures, lower_units, upper_units, log = problem
    _, values, many = compiled(log)
    unit = 1.0 / UNITS
    known = increasing(lambda spend: values(figures, spend))
    search = Search(
        known, lambda spend: float(values(figures, spend).sum()), lower_units * unit, upper_units * unit, 1.0
    )
    search.run(1e-2)
    tables = np.asarray(
        many(figures, jnp.asarray(np.arange(UNITS + 1)[:, None] * unit * np.ones(len(KINDS))))
    ).T
    assert search.bound >= best_on_the_grid(tables, lower_units, upper_units, UNITS) * (1 - 1e-12)
    assert search.bound >= search.best


@settings(derandomized, max_examples=80)
@given(problems(), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_slopes_stay_within_their_bounds(problem, start, length, negative):
    figures, _, _, log = problem
    if negative:  # a geo's own effect may be negative in some draws
        figures = {**figures, "ceiling": figures["ceiling"].at[:, 0].multiply(-1)}
    bounds, _, many = compiled(log)
    low, high = np.full(len(KINDS), start), np.full(len(KINDS), start + length)
    first, last, least, most, top = map(np.asarray, bounds(figures, low, high))
    spend = np.linspace(low, high, 101)
    value = np.asarray(many(figures, jnp.asarray(spend)))
    np.testing.assert_allclose(value[[0, -1]], [first, last], rtol=1e-12, atol=1e-14)
    assert (value <= top + 1e-12).all()
    if length > 1e-3:
        chords = np.diff(value, axis=0) / np.diff(spend, axis=0)
        noise = 1e-10 * (1 + np.abs(chords).max(axis=0))
        assert (chords >= least - noise).all()
        assert (chords <= most + noise).all()


def test_slopes_of_next_to_no_media_are_numbers():
    """Powers of a spend as small as a double can be are lost in rounding, and 0 / 0 bounds nothing."""
    ones = jnp.ones((len(KINDS), 2))
    figures = {"scale": ones, "shape": 4 * ones, "carried": jnp.zeros(len(KINDS)), "ceiling": ones[..., None]}
    least, most = compiled(False)[0](figures, np.full(len(KINDS), np.finfo(float).tiny), np.ones(len(KINDS)))[
        2:4
    ]
    assert (np.asarray(least) >= 0).all()
    assert not np.isnan(most).any()


def test_the_whole_way_ends_at_a_certified_stationary_plan():
    rng = np.random.default_rng(5)
    for log in (False, True):
        figures = {
            "scale": jnp.asarray(10.0 ** rng.uniform(-2, 0.5, (5, 2))),
            "shape": jnp.asarray(rng.uniform(0.3, 6, (5, 2))),
            "carried": jnp.zeros(5),
            "ceiling": jnp.asarray(rng.uniform(0.1, 1, (5, 2, 1))),
        }
        bounds, values, _ = compiled(log)

        def enclose(low, high, figures=figures, bounds=bounds):
            first, last, least, most, top = map(np.asarray, bounds(figures, low, high))
            return Cells(low, high, first, last, least, most, top)

        plan, certificate = maximise(
            lambda spend, figures=figures, values=values: values(figures, spend),
            np.zeros(5), np.full(5, 128.0), 1.0, np.full(5, 0.2), enclose,
        )  # fmt: skip
        assert 0 <= certificate.gap <= 2e-6
        assert certificate.kkt_residual < 1e-4
        assert plan.sum() == pytest.approx(1.0, abs=1e-15)


@settings(derandomized, max_examples=100)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1e6, 1e7)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_a_projected_plan_is_feasible(channels, share):
    lower, width, spend = np.array(channels).T
    upper = lower + width
    total = float(lower.sum() + share * (upper.sum() - lower.sum()))
    plan = project(spend, lower, upper, total)
    assert (plan >= lower).all()
    assert (plan <= upper).all()
    assert plan.sum() == pytest.approx(total, rel=1e-14)
