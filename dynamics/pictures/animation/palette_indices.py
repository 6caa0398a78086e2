"""The colours that an animation's frames are made of, as indices into one palette."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from dynamics.pictures import colours
from dynamics.pictures.animation.frame_writer import Pixels

# The palette is a table of (cover, level), index cover × LEVELS + level, then what nothing is drawn over. A pixel that
# a line covers to cover / (COVERS - 1) shows that much of REAL over its level. Index 0 is white.
HEATS = 7  # levels of heat; the file grows with them, and 7 look as smooth as 8
POINT = HEATS  # a generated sample
SIDES = 17  # levels of a diverging ramp; the middle one is white
BELIEF = POINT + 1  # first level of D's ramp
ERROR = BELIEF + SIDES  # of D − D*
UNDETERMINED = ERROR + SIDES
LEVELS = UNDETERMINED + 1
COVERS = 3  # by a line: none, half, all
PAPER = COVERS * LEVELS  # first of the greys for words and axes: white again
GREYS = 12
TRACK, EDGE, BAR, CURSOR, LINE = PAPER + 2, PAPER + 7, PAPER + 8, PAPER + GREYS - 1, (COVERS - 1) * LEVELS
ARROW = PAPER + GREYS  # an arrow's own colour over REAL, its edge, to 1/4 … 4/4
SHADES = 4  # of each curve's colour
CURVES = ARROW + 4


def palette(curves: Sequence[str] = ()) -> Pixels:
    """The colours (K, 3) of the indices above, and of curves in these colours. Raises ``ValueError`` for too many."""
    if len(curves) > (256 - CURVES) // SHADES:
        raise ValueError(f"strips have {len(curves)} colours, more than {(256 - CURVES) // SHADES}")
    levels = np.vstack(
        [
            colours.heat_colours(HEATS),
            colours.blend(colours.SAMPLE, colours.SAMPLE, 1),
            colours.diverging_colours(colours.GENERATED, colours.D, SIDES),
            colours.diverging_colours(colours.BELOW, colours.ABOVE, SIDES),
            colours.blend(colours.UNDETERMINED, colours.UNDETERMINED, 1),
        ]
    )
    cover = np.linspace(0, 1, COVERS)[:, None, None]
    table = np.round((1 - cover) * levels + cover * 255 * np.array(to_rgb(colours.REAL))).reshape(-1, 3)
    greys = colours.blend("white", colours.INK, GREYS)
    arrow = colours.blend(colours.REAL, colours.G, 5)[1:]
    shades = [colours.blend("white", curve, SHADES + 1)[1:] for curve in curves]
    return np.vstack([table, greys, arrow, *shades]).astype(np.uint8)
