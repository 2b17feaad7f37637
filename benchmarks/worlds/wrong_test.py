"""Worlds with lift tests, all of them right, or one of them wrong by a factor: what the review's `lift_tests` is for.

Right ones: those where demand misleads (`benchmarks.worlds.confounded`), fitted with the channel that follows it told,
and this library's simulator. A wrong one has one test, of a channel drawn by lot, that says so many times the truth:
with the error that the others have, a fifth of the truth, or one that is a fifth of what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.common.systems import OURS
from benchmarks.worlds.confounded import TestedWorld, confounded
from benchmarks.worlds.simulator import simulated
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.simulate import weekly_table

FOLLOWS = {OURS: {"media": {"channels": {"search": {"follows_demand": True}}}}}
TESTED, ERROR, APART = 4, 0.2, 26


def right_tests(seed: int, tests: int = 2) -> TestedWorld:
    """A world where demand misleads, the model told so, and as many right tests a channel."""
    made = confounded(seed, tests)
    return replace(made, world=replace(made.world, job=made.world.job.with_(settings=FOLLOWS)))


def right_tests_simulated(seed: int) -> TestedWorld:
    """A world of the simulator, one channel after the other switched off for four weeks twice a year."""
    world, truth = simulated(seed), weekly_table("us", seed=seed)[1]
    weekly, names = truth.weekly, [channel.channel for channel in truth.channels]
    rng, tests = np.random.default_rng([seed, 11]), []
    for number, first in enumerate(range(truth.l_max + 8, weekly.sizes["week"] - TESTED, APART)):
        name = names[number % len(names)]
        where = {"week": slice(first, first + TESTED), "channel": names.index(name)}
        without = weekly["spend"].copy()
        without[where] = 0.0
        spent = float(weekly["spend"][where].sum())
        true = float((weekly["contribution"] - truth.contribution(without))[where].sum())
        if spent <= 0:
            continue
        start = pd.Timestamp(weekly["week"].to_numpy()[first]).date()
        tests.append(
            WeighedTest(
                LiftTest(
                    f"{name}-{number}",
                    {name: TestedSpend(spent, 0.0)},
                    start,
                    start + timedelta(days=7 * TESTED - 1),
                    true * (1 + ERROR * float(rng.standard_normal())),
                    ERROR * true,
                )
            )
        )
    return TestedWorld(replace(world, name=f"simulator-tested-{seed}"), tuple(tests))


def one_wrong(seed: int, times: float, tests: int = 2, of_what_it_says: bool = False) -> TestedWorld:
    """The same with one test that says `times` the truth."""
    made = right_tests(seed, tests)
    rng = np.random.default_rng([seed, 10])
    which = int(rng.integers(len(made.tests)))
    test = made.tests[which].test
    true = test.standard_error / ERROR
    says = true * (times + ERROR * float(rng.standard_normal()) * (times if of_what_it_says else 1.0))
    error = test.standard_error * (times if of_what_it_says else 1.0)
    wrong = WeighedTest(replace(test, incremental=says, standard_error=error))
    found = (*made.tests[:which], wrong, *made.tests[which + 1 :])
    return replace(made, tests=found, world=replace(made.world, name=f"wrong-{times:g}-{seed}"))


RIGHT_TESTED: dict[str, Callable[[int], TestedWorld]] = {
    "right_tests": right_tests,
    "right_tests_simulated": right_tests_simulated,
}
WRONG: dict[str, Callable[[int], TestedWorld]] = {
    **{f"wrong_test_{times}x": partial(one_wrong, times=times) for times in (3, 5, 10)},
    **{f"wrong_only_test_{times}x": partial(one_wrong, times=times, tests=1) for times in (3, 5, 10)},
    "wrong_vague_test_10x": partial(one_wrong, times=10, of_what_it_says=True),
}
"""Kinds by name: one of two tests of a channel is wrong, the only one is, or one as unsure as it is large."""
