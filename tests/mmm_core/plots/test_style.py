"""Colours that everybody can tell apart: with any one kind of colour blindness, and in black and white."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from mmm_core.plots.style import BAND, CHANNEL_COLOURS, DEEP

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "deuteranopes": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopes": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopes": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour, seen_by="everybody"):
    """CIELAB of a colour as somebody sees it."""
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SEEN_BY[seen_by]) @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("who", SEEN_BY)
def test_no_two_channels_look_alike(who):
    """A CIELAB distance of 2.3 is just noticeable; of 20 nobody mistakes one for the other."""
    apart = [np.linalg.norm(lab(a, who) - lab(b, who)) for a, b in combinations(CHANNEL_COLOURS, 2)]
    assert min(apart) > 20


def test_neighbours_differ_in_lightness():
    lightness = [lab(colour)[0] for colour in (*CHANNEL_COLOURS, CHANNEL_COLOURS[0])]
    assert min(abs(a - b) for a, b in pairwise(lightness)) > 20
    assert max(lightness) < 80  # a line is seen on white
    assert lab(BAND)[0] - lab(DEEP)[0] > 40
