"""The picture of a reconciliation says what the tables say."""

import numpy as np
import pytest

from mmm_core.plots.reconciliation import KINDS, WARNING, reconciliation
from mmm_core.reconciliation.reconcile import reconcile
from mmm_core.reconciliation.tables import channel_table
from tests.mmm_core.reconciliation.worlds import claims, lift_test, lifts, made


@pytest.fixture(scope="module")
def found():
    tree = made()
    expected = float(lifts(tree, lift_test("a", 1.0, 1.0)).mean())
    tests = [lift_test("a", 8 * expected, 0.2 * expected)]
    return reconcile(tree, tests, claims({"tv": 1.0, "search": 40.0}))


def test_every_figure_is_a_point_and_far_claims_stay_at_the_edge(found):
    axes = reconciliation(found).axes[0]
    table = channel_table(found)
    left, right = axes.get_xlim()
    drawn = {round(float(x), 9) for line in axes.lines for x in np.atleast_1d(line.get_xdata())}
    for name, *_ in KINDS:
        for value in table[f"{name}_roi"].dropna():
            assert left < value < right
            assert round(float(value), 9) in drawn
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["tv\nsources disagree", "search\nsources disagree", "video"][: len(labels)]


def test_a_channel_whose_sources_disagree_is_shaded_and_named(found):
    figure = reconciliation(found)
    axes = figure.axes[0]
    apart = channel_table(found)["sources_disagree"]
    assert apart.any()
    assert len(axes.patches) == apart.sum()
    colours = [text.get_color() for text in axes.get_yticklabels()]
    assert [colour == WARNING for colour in colours] == apart.tolist()
    assert "sources disagree on tv" in figure.get_suptitle() + " ".join(
        note.get_text() for note in axes.texts
    )


def test_the_legend_names_what_is_there_alone(found):
    alone = reconciliation(reconcile(made()))
    names = [text.get_text() for text in alone.legends[0].get_texts()]
    assert names == ["model", "weighted average", "fused"]
    names = [text.get_text() for text in reconciliation(found).legends[0].get_texts()]
    assert {"lift tests", "attribution, bias taken away", "claimed by reports"} < set(names)
