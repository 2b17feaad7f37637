"""The picture of a geo experiment shows the figures it is given."""

import io

import numpy as np
import pytest

from mmm_core.plots.lift import lift
from mmm_core.readout.experiment import design, parse_cells, parse_window
from mmm_core.readout.panel import panel_of
from mmm_core.readout.read_out import read_out
from tests.mmm_core.readout.panels import outcomes, table, treat


@pytest.fixture(scope="module")
def found():
    panel = panel_of(table(treat(outcomes(geos=8), [0, 1], 40.0)))
    cells = parse_cells(["up=g00", "other $x$=g01"])
    return read_out(panel, design(panel, cells, parse_window("2024-03-01:2024-03-10"), post=5))


def test_a_column_a_cell_with_what_was_and_what_would_have_been(found):
    figure = lift(found)
    above, _, below, _ = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in above.get_lines()}
    assert lines["observed"] == pytest.approx([period.observed for period in found[0].periods])
    assert lines["expected without the test"] == pytest.approx(
        [period.expected for period in found[0].periods]
    )
    measured = [period.effect for period in found[0].periods if period.measured]
    assert any(
        len(line.get_ydata()) == 15 and np.allclose(line.get_ydata(), measured) for line in below.get_lines()
    )
    assert f"lift {100 * found[0].lift:.1f} %" in figure.get_suptitle()


def test_it_is_a_small_png(found):
    out = io.BytesIO()
    lift(found).savefig(out, format="png", dpi=100)
    assert 10_000 < len(out.getvalue()) < 200_000
