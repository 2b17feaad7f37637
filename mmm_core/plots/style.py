"""How pictures of a model look: colours, type, axes; every picture of this library is drawn in this style.

Matplotlib is imported when a picture is asked for, and without a display. A channel keeps its colour in every
picture: the colour of its place in the specification. The colours stay apart for readers with any one kind of colour
blindness, and neighbours differ in lightness, so that they stay apart in black and white.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, RULE = "#222222", "#767676", "#dddddd"
CHANNEL_COLOURS = (
    "#295480", "#ccb541", "#803729", "#eb9c75", "#592d43", "#a4bceb", "#808029", "#66ccbb", "#5b35a6", "#b075eb",
)  # fmt: skip
BASELINE_COLOUR = "#d9dde2"
DEEP, BAND = CHANNEL_COLOURS[0], "#c9d7e6"
"""A line and its interval where there is nothing to tell apart by colour: far apart in lightness."""

LETTERS = 15
"""Of the quieter words under a title that an inch takes."""

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": INK,
    "legend.frameon": False,
    "legend.loc": "upper left",
    "legend.borderaxespad": 0.0,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "text.parse_math": False,  # a name may hold dollars
}


FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS",
)  # fmt: skip
"""Fonts for letters that DejaVu Sans, which matplotlib brings, lacks; those that a machine has are used."""


@cache
def fonts() -> list[str]:
    """Families to look for a letter in, the first first."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return ["DejaVu Sans", *(name for name in FALLBACKS if name in there)]


@contextmanager
def letters_left_out() -> Iterator[None]:
    """A letter that no font of the machine has is drawn as a box: the picture shows it, the terminal need not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """A picture drawn in this module's style, whatever the user's own is."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Figure:
        import matplotlib

        with matplotlib.rc_context({**STYLE, "font.family": fonts()}):
            return draw(*args, **kwargs)

    return drawn


def colour(position: int) -> str:
    """The colour of the channel at this place in the specification."""
    return CHANNEL_COLOURS[position % len(CHANNEL_COLOURS)]


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, grid: str = "y"
) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.grid(axis=grid, color=RULE, lw=0.6)
        axes.set_axisbelow(True)
    return figure, panels


def title(axes: Axes, text: str, words: str = "") -> None:
    """The title of a picture or panel, with quieter words on a line below."""
    axes.set_title(text, pad=18 if words else None)
    if words:
        axes.annotate(
            words, (0, 1), (0, 4), "axes fraction", "offset points", fontsize=8, color=QUIET, va="bottom"
        )


def heading(figure: Figure, text: str, words: str = "") -> None:
    """The title of a picture of several panels, with quieter words below, on as many lines as its width takes."""
    words = "\n".join(wrap(words, int(LETTERS * figure.get_figwidth())))
    lines = figure.suptitle(
        text + "\n " * (words.count("\n") + bool(words)),
        x=0.01,
        ha="left",
        fontsize=10,
        fontweight="bold",
        color=INK,
    )
    if words:
        below = figure.axes[0].annotate(words, (0, 0), xycoords=lines, fontsize=8, color=QUIET, va="bottom")
        below.set_in_layout(False)


def panels_of(count: int, columns: int = 3, height: float = 2.3) -> tuple[Figure, list[Axes]]:
    """A figure of as many small panels as asked for, in rows of `columns`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure, panels = new_figure(max(3.1 * columns, 6), height * rows + 0.3, rows, columns, grid="both")
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]


def band(axes: Axes, x: Any, curves: Any, hue: str, **line: Any) -> None:
    """Mean and 90 % interval over `x` of draws (draw, point)."""
    import numpy as np

    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    axes.fill_between(x, low, high, color=hue, alpha=0.2, lw=0)
    axes.plot(x, curves.mean(axis=0), color=hue, lw=1.8, **line)


def legend(figure: Figure, axes: Axes, columns: int) -> None:
    """The legend below the picture, out of the data's way."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=columns, loc="outside lower left", fontsize=8)


def money(axis: Any) -> None:
    """Large figures on an axis in short."""
    axis.set_major_formatter(lambda value, _: short(value))


def short(value: float) -> str:
    """1234567 as 1.2M."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
