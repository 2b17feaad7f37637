"""How figures are printed: never cut, in a narrow window either."""

import io

import pandas as pd
import pytest
from rich.console import Console

from mmm_core.posterior.schema import load_posterior, save_posterior
from tests.mmm_core.cli.command import mmm
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


@pytest.fixture(scope="module")
def rich_folder(tmp_path_factory):
    """A posterior whose money has eight digits and more, of a KPI called units."""
    table = weekly_table().rename(columns={"orders": "units"})
    for column in ("tv_spend", "search_spend", "units"):
        table[column] *= 1e5
    folder = tmp_path_factory.mktemp("rich")
    spec = {**SPEC, "kpi": {"column": "units", "revenue_per_unit": "order_value"}}
    save_posterior(posterior(spec, table, draws=20), folder / "posterior.nc")
    return folder


def figures(row, *names):
    return [f"{row[name]:,.0f}" for name in names]


def test_money_is_never_cut_in_a_narrow_window(rich_folder, tmp_path):
    said = mmm("allocate", "--posterior", rich_folder / "posterior.nc", "--out", tmp_path, columns="80")
    assert said.returncode == 0, said.stderr
    for row in pd.read_csv(tmp_path / "budget_allocation.csv").to_dict("records"):
        assert row["current_spend"] > 1e7
        low, high = figures(row, "recommended_revenue_q05", "recommended_revenue_q95")
        for figure in (
            *figures(row, "current_spend", "recommended_spend", "recommended_revenue"),
            f"{low} to {high}",
        ):
            assert figure in said.stdout
    tables = said.stdout[said.stdout.index("Budget for") : said.stdout.index("gain over")]
    assert tables.count("channel ") == 2  # what does not fit goes below
    assert max(map(len, tables.splitlines())) <= 80
    said = mmm("allocate", "--posterior", rich_folder / "posterior.nc", columns="")
    assert said.stdout.count("channel ") == 1  # a pipe is wide


def test_returns_at_eight_digits_and_the_cost_of_a_kpi_called_units(rich_folder):
    from mmm_core.cli import console
    from mmm_core.diagnostics.summary import summary

    facts = summary(load_posterior(rich_folder / "posterior.nc"))
    facts["cpik"]["tv"].update(median=12_345_678.0, q05=1_234_567.0, q95=23_456_789.0)
    for width in (60, 80, 200):
        screen = Console(file=io.StringIO(), width=width, highlight=False)
        screen.print(console.returns(facts))
        said = screen.file.getvalue()
        for channel, one in facts["contribution"].items():
            assert channel in said
            assert f" {one['mean']:,.0f} " in said
        assert " 12,345,678   1,234,567 to 23,456,789 " in said
        assert "\u2026" not in said
    assert "cost per KPI unit" in said


def test_a_heading_wraps_between_words_above_blank_cells():
    from mmm_core.cli.console import INTERVAL, _Figures

    table = _Figures("", "channel", "ROI", INTERVAL, "mROI", INTERVAL)
    table.add_row("tv", "1.25", "", "0.75", "0.25 to 1.25")
    screen = Console(file=io.StringIO(), width=50, highlight=False)
    screen.print(table)
    assert screen.file.getvalue().count("90 %") == 2


def test_text_wraps_where_figures_do_not_and_names_a_row_below_again():
    from mmm_core.cli.console import comparison

    row = {"elpd": -12345678.9, "p_loo": 12.3, "approximate": "", "difference_se": 0.0}
    names = ("revenue of all the markets together", "another")
    table = pd.DataFrame([{**row, "model": name, "difference": 0.0, "verdict": "as good"} for name in names])
    for width, times in ((50, 2), (120, 1)):
        screen = Console(file=io.StringIO(), width=width, highlight=False)
        screen.print(comparison(table))
        said = screen.file.getvalue()
        assert said.count("another") == times
        assert said.count(" -12,345,678.9 ") == 2
