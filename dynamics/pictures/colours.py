"""The colours of every picture, each with one meaning, and the ramps made of them."""

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

# They are apart in lightness (L* 5, 50, 29, 73) for grey print and
# in hue for colour-blind eyes; tests/test_colours.py measures both.
REAL = "#111111"
GENERATED = "#d1421c"
D = "#1b3f91"
G = "#e8a620"
SAMPLE = "#73240f"  # one generated point: darker than any heat
# D beside the best D*: too low, too high. Apart from the four above, and from each other for every eye.
BELOW, ABOVE = "#8e2a8b", "#22a38a"
UNDETERMINED = "#dddddd"  # where a field has no value
# A comparison's columns take plums and greens, which none of the four above is.
COLUMNS = ("#ae56c6", "#0a4a2b", "#4bd387", "#43074f", "#c385c6", "#800eea")
INK = "#333333"  # axes and words
FAINT = "#8a8a8a"  # what only guides the eye


def blend(low: str, high: str, levels: int) -> NDArray[Any]:
    """The straight ramp between two colours, both ends included, (levels, 3) uint8."""
    depth = np.linspace(0, 1, levels)[:, None]
    return np.round(255 * ((1 - depth) * np.array(to_rgb(low)) + depth * np.array(to_rgb(high)))).astype(np.uint8)


def heat_colours(levels: int) -> NDArray[Any]:
    """The ramp from white to GENERATED, (levels, 3) uint8."""
    return blend("white", GENERATED, levels)


def diverging_colours(low: str, high: str, levels: int) -> NDArray[Any]:
    """The ramp from `low` over white to `high`, (levels, 3) uint8; `levels` is odd, so that the middle is white.

    The ends have 4/5 of the colours' depth: such a ramp fills whole planes, and lines are to be seen over it.
    """
    if levels % 2 == 0:
        raise ValueError(f"a diverging ramp has an odd number of levels, not {levels}")
    full = np.vstack([blend(low, "white", levels // 2 + 1), blend("white", high, levels // 2 + 1)[1:]])
    return np.round(255 - 0.8 * (255 - full.astype(float))).astype(np.uint8)
