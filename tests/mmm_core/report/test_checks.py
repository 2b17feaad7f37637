"""The checks of a page: passed by what is written, and failed by a page that says something else."""

import pytest

from mmm_core.report.checks import figures_off, read_figure, references, sheets_over
from mmm_core.report.contents import page
from mmm_core.report.texts import texts
from tests.mmm_core.report import made_up


@pytest.fixture(scope="module")
def found():
    return made_up.findings(6, roi=made_up.roi(made_up.names_of(6), organic=("newsletter",)))


@pytest.fixture(scope="module")
def html(found):
    return texts(found)["report.html"]


def test_a_page_says_what_its_tables_say(html, found):
    assert figures_off(html, found) == []
    assert references(html) == []
    assert sheets_over(page(found)) == []


def test_another_figure_is_named(html, found):
    before, moves = html.split('<section id="moves"')
    doctored = f'{before}<section id="moves"{moves.replace("<td>$500k</td>", "<td>$510k</td>", 1)}'
    assert doctored != html
    assert figures_off(doctored, found) == ["moves: linkedin is 500000, and the page says $510k"]


def test_tables_of_another_run_are_named(html, found):
    other = made_up.findings(6, roi=found.roi.assign(mean=found.roi["mean"] * 1.02))
    assert "roi: search is 0.612, and the page says 0.60" in figures_off(html, other)


def test_what_would_be_fetched_is_named(html):
    assert references(html.replace("</body>", '<img src="https://a.b/c.png"></body>')) == [
        "https://a.b/c.png",
        "<img",
        "src=",
    ]


def test_a_page_of_too_many_words_is_named():
    gates = made_up.gates(closed=made_up.GATES).assign(message="a finding that goes on and on " * 60)
    assert any(
        line.startswith("sheet 2 takes") for line in sheets_over(page(made_up.findings(6, gates=gates)))
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$1.19M", 1.19e6),
        ("−$527k", -527e3),
        ("+CHF\u00a019.0k", 19e3),
        ("1.04", 1.04),
        ("93%", 0.93),
        ("0", 0.0),
    ],
)
def test_figures_are_read_as_they_are_shown(text, value):
    assert read_figure(text) == pytest.approx(value)
