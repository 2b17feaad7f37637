"""A picture as PNG: what matplotlib itself makes of it, and small enough where it has to be."""

import io

import numpy as np
from matplotlib.image import imread

from mmm_core.plots.image import png, smaller
from mmm_core.plots.style import heading, new_figure, panels_of, styled


@styled
def panels():
    figure, axes = panels_of(4)
    for place, each in enumerate(axes):
        each.plot(np.arange(50), 1e6 * np.sin(np.arange(50) / (place + 1)), color="#1b5e7b")
        each.set_title(f"channel {place}")
    heading(figure, "Four channels", "and what is said of them")
    return figure


@styled
def noise():
    figure, (axes,) = new_figure(6, 6)
    axes.imshow(np.random.default_rng(5).random((600, 600, 3)), interpolation="nearest")
    return figure


def test_a_picture_is_the_one_matplotlib_saves():
    saved = io.BytesIO()
    panels().savefig(saved, format="png", dpi=100)
    assert png(panels()) == saved.getvalue()


def test_a_picture_that_is_small_enough_stays_as_it_is():
    image = png(panels())
    assert smaller(image, len(image)) is image


def test_a_picture_that_is_too_large_keeps_its_dots_and_loses_colours():
    image = png(panels())
    packed = smaller(image, len(image) - 1)
    assert packed is not None
    assert len(packed) < len(image)
    before, after = (imread(io.BytesIO(each))[..., :3] for each in (image, packed))
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 0.01
    assert packed == smaller(image, len(image) - 1)


def test_what_does_not_fit_with_fewer_colours_gets_fewer_dots_and_at_last_is_left_out():
    image = png(noise())
    packed = smaller(image, 150_000)
    assert packed is not None
    assert len(packed) <= 150_000
    assert imread(io.BytesIO(packed)).shape[1] < 600
    assert smaller(image, 1000) is None
