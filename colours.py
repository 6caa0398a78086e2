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
# A comparison's columns take plums and greens, which none of the four above is.
COLUMNS = ("#ae56c6", "#0a4a2b", "#4bd387", "#43074f", "#c385c6", "#800eea")
INK = "#333333"  # axes and words
FAINT = "#8a8a8a"  # what only guides the eye


def heat_colours(levels: int) -> NDArray[Any]:
    """The ramp from white to GENERATED, (levels, 3) uint8."""
    depth = np.linspace(0, 1, levels)[:, None]
    return np.round(255 * (1 - depth * (1 - np.array(to_rgb(GENERATED))))).astype(np.uint8)
