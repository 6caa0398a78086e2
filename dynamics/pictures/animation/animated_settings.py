"""Arrays in, animation out: what one or many settings do in the plane, in lock-step on one clock, layer by layer.

A picture is made of layers (scene_layers.py). A setting's views stand side by side in its panel (scene_panel.py),
curves over training below (curve_strips.py), all on one sheet (frame_sheet.py).

Frames are composed in palette indices, never in colours: what stays the same (words, axes, contour lines, curves) is
drawn once, each frame adds what moved, and the encoder gets the pixels as they are. Nothing is quantised, and one
frame is held at a time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from dynamics.pictures.animation.file_formats import open_writer
from dynamics.pictures.animation.frame_sheet import Sheet
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import Cell
from dynamics.pictures.figure_style import Array


def animate(
    path: str | Path,
    scenes: Mapping[Cell, Scene],
    rows: Sequence[str],
    columns: Sequence[str],
    half_width: float,
    steps: Sequence[int] | Array,
    fps: float = 12,
    layers: Sequence[str] | None = None,
    size: int | None = None,
    title: str = "",
    clock: str = "step",
) -> None:
    """Animate settings (row, column) over F moments, all of them at `steps[f]`, generator steps or what `clock` says.

    Cells missing from `scenes` stay empty. Where no row or column has a name, each panel has its plane's title over
    it (see `small_multiples`). `layers` are keys of `LAYERS`, views in the order in which they are to stand; left out:
    density, contours and, where planes are large, samples, and the strip of a single setting that has one. `size` is
    the picture's width in pixels; left out, it is 640 for one plane, and for more about 960 × 1080 at most. Raises
    ``ValueError`` for layers that there are not or whose data a scene lacks, and for moments that do not fit.
    """
    sheet = Sheet(scenes, rows, columns, half_width, steps, layers, size, title, clock)
    height, width = sheet.canvas.shape
    # one thread for products: more would wait, busily, on the cores that pack frames
    with threadpool_limits(1, "blas"), open_writer(path, sheet.palette, (width, height), fps) as film:
        for moment in range(len(steps)):
            film.append(sheet.frame(moment))


def small_multiples(count: int) -> tuple[int, int]:
    """Rows and columns for `count` equal panels: about three wide to two high, few places empty.

    With `[""] * rows` and `[""] * columns` as names, each panel of `animate` is named by its plane's title.
    """
    if count < 1:
        raise ValueError(f"small_multiples needs at least one panel, not {count}")
    shapes = [(r, -(-count // r)) for r in range(1, count + 1)]
    fair = [(r, c) for r, c in shapes if r <= c <= 2 * r + 1]
    return min(fair, key=lambda shape: (shape[0] * shape[1] - count, abs(shape[1] / shape[0] - 1.5)))
