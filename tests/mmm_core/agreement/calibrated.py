"""Posteriors made by hand that say which lift tests they saw."""

from datetime import date, timedelta

import pandas as pd

from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.stored import Evidence
from mmm_core.posterior.schema import LIFT_TESTS
from tests.mmm_core.posteriors import posterior


def lift_test(measured, error, name="a", channels=("tv",), first=30, weeks=4):
    """Some weeks without a channel, from the table's week `first`."""
    start = (pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=first)).date()
    end = start + timedelta(days=7 * weeks - 1)
    spend = {channel: TestedSpend(100.0, 0.0) for channel in channels}
    return WeighedTest(LiftTest(name, spend, start, end, measured, error))


def calibrated(results, spec=None, draws=1000, **options):
    """A posterior that saw tests, each measured so many times what it says, with an error as large as that.

    Args:
        results: by test, how many times its mean was measured; of search for names in s, of tv for others.
    """
    tree = posterior(spec, draws=draws, **options)
    names = list(results)
    asked = [
        lift_test(1.0, 1.0, name, ("search",) if name.startswith("s") else ("tv",), 10 + 5 * number)
        for number, name in enumerate(names)
    ]
    lifts = replayed_tests(tree, asked).mean("draw")
    tests = []
    for number, weighed in enumerate(asked):
        mean = float(lifts.sel(test=weighed.test.test_id))
        channels = weighed.test.channels
        tests.append(lift_test(results[names[number]] * mean, mean, names[number], channels, 10 + 5 * number))
    tree.attrs[LIFT_TESTS] = Evidence("small", date(2025, 3, 24), tuple(tests)).to_json()
    return tree
