"""A picture as PNG, and smaller where it has to be."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mmm_core.plots.style import letters_left_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 128
"""Of a picture made smaller: lines, bands and letters hold fewer than that look different."""


def png(figure: Figure) -> bytes:
    """A figure drawn, 100 dots an inch.

    Where things stand is worked out here, once: matplotlib would draw all of a figure that has a layout a second time
    for it, and drawing takes longer than what is shown.
    """
    layout = figure.get_layout_engine()
    image = io.BytesIO()
    with letters_left_out():
        if layout is not None:
            layout.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(image, format="png", dpi=100)
    return image.getvalue()


def smaller(image: bytes, most: int) -> bytes | None:
    """A PNG of no more bytes than `most`: as it is, with fewer colours, and then with fewer dots; None where even a
    third of its width takes more.
    """
    if len(image) <= most:
        return image
    from PIL import Image

    whole = Image.open(io.BytesIO(image)).convert("RGB")
    for share in (1.0, 0.7, 0.5, 0.35):
        size = (round(whole.width * share), round(whole.height * share))
        resized = whole if share == 1.0 else whole.resize(size, Image.Resampling.LANCZOS)
        packed = io.BytesIO()
        resized.quantize(COLOURS, dither=Image.Dither.NONE).save(packed, format="png", optimize=True)
        if packed.tell() <= most:
            return packed.getvalue()
    return None
