"""Arrays in, animation out: what one or many settings do in the plane, in lock-step on one clock, layer by layer.

A picture is made of layers (`LAYERS`). Each layer that fills the plane is a view of its own, and a setting's views
stand side by side; the others are drawn over every view, or below. Colours and scales are those of plotting.py and
colours.py, the same in all frames and panels.

Frames are composed in palette indices, never in colours: what stays the same (words, axes, contour lines, curves) is
drawn once, each frame adds what moved, and the encoder gets the pixels as they are. Nothing is quantised, and one
frame is held at a time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

import colours
import plotting
from figures import STYLE, Array, limits
from film import Pixels, open_film
from plotting import Cell, Plane

LAYERS = {
    "density": "a view: the generated density as a heat map; full colour is the real density's peak",
    "map": "a view: G as a map, a grid of latents pushed through it; cells coloured by mass per area, like the density",
    "d": "a view: D(x), red where D says generated, white at 1/2, blue where it says real",
    "optimal": "a view: the best D for this G, D*(x) = p_data / (p_data + p_g), in D's colours",
    "difference": "a view: D - D*, plum where D is below the best, teal where it is above",
    "contours": "over every view: the real density, exact, as lines at 1, 2 and 3 standard deviations of a mode",
    "samples": "over every view: generated samples as points",
    "arrows": "over every view: what D tells generated samples to do, minus the gradient of G's loss",
    "strip": "below: losses and scores over all steps, with a line where the frame is",
}
VIEWS = {  # layers that fill a plane, and their names over it
    "density": "generated density",
    "map": "G as a map",
    "d": "D(x)",
    "optimal": "best D*(x)",
    "difference": "D − D*",
}
NEEDS = {  # what of a Scene
    "map": ("lattice",),
    "d": ("d",),
    "optimal": ("optimal",),
    "difference": ("d", "optimal"),
    "arrows": ("pull",),
    "strip": ("strip",),
}

# The palette is a table of (cover, level), index cover × LEVELS + level, then what nothing is drawn over. A pixel that
# a line covers to cover / (COVERS - 1) shows that much of REAL over its level. Index 0 is white.
HEATS = 8  # levels of heat; the file grows with them, and 8 still look smooth
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

# of pictures whose width is not given, pixels: with one plane, with more
WIDE, HIGH, WIDEST, HIGHEST = 640, 820, 960, 1080
SMALLEST = 48  # side of a plane
CRAMPED = 110  # a setting's width, below which its words are few
NARROW = 150  # of a strip
LARGE = 300  # side from which a plane has room for samples, and from which its heat can do with half the pixels
POINTS = 200  # that are drawn over a heat map; without one, five times as many
LINED = 4  # pixels across, from which a cell of the lattice has lines around it
FULL_ERROR = 0.5  # |D − D*| of full colour


@dataclass(frozen=True)
class Strip:
    """Curves below the plane, on one axis; all strips of a label share theirs.

    Values may be nan or inf: the line has a gap there. Of more values than pixels, medians are drawn.
    """

    label: str  # with the unit: "loss, nats"
    steps: Array  # (L,) generator steps
    curves: Sequence[tuple[str, Array, str]]  # name, values (L,), colour

    def __post_init__(self) -> None:
        for name, values, _ in self.curves:
            if np.shape(values) != np.shape(self.steps):
                raise ValueError(f"curve {name!r} has {np.shape(values)} values for {np.shape(self.steps)} steps")


@dataclass(frozen=True)
class Scene:
    """A plane, and what else can be shown of its setting at the same F moments. What is None cannot be."""

    plane: Plane
    verdict: str = ""  # what the run came to, "collapsed"; it stands in every frame
    d: Array | None = None  # (F, r, r) D(x) in [0, 1] at `plotting.grid_points(half_width, r)`; nan: undetermined
    optimal: Array | None = None  # (F, r, r) D*(x), the same
    pull: Array | None = None  # (F, A, 2) −∂(loss of G)/∂x at the first A of the plane's samples, loss per data unit
    lattice: tuple[Array, Array] | None = None  # vertices (F, n + 1, n + 1, 2), data units, and mass (n, n) of cells
    strip: Sequence[Strip] = ()

    def __post_init__(self) -> None:
        moments, count = np.shape(self.plane.samples)[:2]
        for name in ("d", "optimal"):
            field = getattr(self, name)
            if field is not None and (field.ndim != 3 or len(field) != moments or field.shape[1] != field.shape[2]):
                raise ValueError(f"Scene.{name} must be (F, r, r) with F = {moments}, not {field.shape}")
        if self.d is not None and self.optimal is not None and self.d.shape != self.optimal.shape:
            raise ValueError(f"Scene.d {self.d.shape} and Scene.optimal {self.optimal.shape} must share a grid")
        if (pull := self.pull) is not None:
            fits = pull.ndim == 3 and len(pull) == moments and pull.shape[1] <= count and pull.shape[2] == 2
            if not fits:
                raise ValueError(f"Scene.pull must be (F, A, 2), F = {moments} and A ≤ {count}, not {pull.shape}")
        if self.lattice is not None:
            vertices, mass = self.lattice
            if vertices.shape != (moments, mass.shape[0] + 1, mass.shape[-1] + 1, 2) or mass.ndim != 2:
                raise ValueError(
                    f"Scene.lattice: vertices {vertices.shape} do not fit mass {mass.shape} and F {moments}"
                )


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
    with open_film(path, sheet.palette, (width, height), fps) as film:
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


def chosen(layers: Sequence[str] | None, scenes: Mapping[Cell, Scene]) -> list[str]:
    """The layers to draw, or those drawn without a choice. Raises ``ValueError`` as `animate` does."""
    if layers is None:
        strip = ["strip"] if len(scenes) == 1 and all(scene.strip for scene in scenes.values()) else []
        return ["density", "contours", "samples", *strip]
    for layer in layers:
        if layer not in LAYERS:
            raise ValueError(f"there is no layer {layer!r}; there are: {', '.join(LAYERS)}")
        for name in NEEDS.get(layer, ()):
            for cell, scene in scenes.items():
                value = getattr(scene, name)
                if value is None or len(value) == 0:
                    raise ValueError(f"layer {layer!r} needs Scene.{name}, which {cell} does not have")
    return list(dict.fromkeys(layers))


class Panel:
    """A scene's views as pixels (size, size) each, at any moment.

    `reach` is the pull that an arrow of full length stands for; `covers` keeps the contour lines of densities that
    are drawn more than once.
    """

    def __init__(
        self,
        scene: Scene,
        layers: Sequence[str],
        half_width: float,
        size: int,
        reach: float = 1.0,
        covers: dict[int, Pixels] | None = None,
    ) -> None:
        self.scene, self.half_width, self.size, self.reach = scene, half_width, size, reach
        plane = scene.plane
        drawing: dict[str, Callable[[int], Pixels]] = {
            "density": self._density,
            "map": self._map,
            "d": self._d,
            "optimal": self._optimal,
            "difference": self._difference,
            "": self._nothing,
        }
        self.views = [drawing[layer] for layer in views_of(layers)]
        points = POINTS if {"density", "map"} & set(layers) else 5 * POINTS
        self.points = plane.samples[:, : points if "samples" in layers else 0]
        self.dot = max(2, round(size / 300))
        self.arrows = "arrows" in layers
        self.block = 2 if size > LARGE and size % 2 == 0 else 1
        # Cells of one bandwidth carry what the smoothing leaves; what lies between them is interpolated. Counting on
        # cells smooths too, with the variance of a cell: the Gaussian gives that much less.
        finest = max(48, size // self.block)
        self.resolution = int(np.clip(np.ceil(2 * half_width / plane.bandwidth), 48, finest))
        cell = 2 * half_width / self.resolution
        self.smoothing = float(np.sqrt(max(plane.bandwidth**2 - cell**2 / 12, 0.0)))
        self.peak = plotting.smoothed_peak(plane, half_width)
        covers = {} if covers is None else covers
        key = id(plane.density)
        if "contours" in layers and key not in covers:
            covers[key] = contour_cover(plane.density, half_width, size)
        self.contours = covers[key] * LEVELS if "contours" in layers else np.zeros((size, size), np.uint8)

    def draw(self, moment: int) -> list[Pixels]:
        """The views, in the layers' order."""
        dots = self._dots(moment)
        marks = self._arrows(moment) if self.arrows else None
        drawn = []
        for view in self.views:
            pixels = view(moment)
            flat = pixels.ravel()
            flat[dots] = POINT
            pixels += self.contours
            if marks is not None:
                at, edge, core = marks
                under = flat[at]
                level, cover = under % LEVELS, under // LEVELS
                flat[at] = np.where(core, ARROW - 1 + core, level + LEVELS * np.maximum(cover, edge))
            drawn.append(pixels)
        return drawn

    def _density(self, moment: int) -> Pixels:
        samples = self.scene.plane.samples[moment]
        density = plotting.generated_density(samples, self.half_width, self.resolution, self.smoothing)
        depth = _depth(plotting.heat(density[::-1], self.peak))
        return self._enlarged(depth, _HEAT_OF, Image.Resampling.BICUBIC)

    def _d(self, moment: int) -> Pixels:
        assert self.scene.d is not None
        return self._field(self.scene.d[moment], BELIEF)

    def _optimal(self, moment: int) -> Pixels:
        assert self.scene.optimal is not None
        return self._field(self.scene.optimal[moment], BELIEF)

    def _difference(self, moment: int) -> Pixels:
        assert self.scene.d is not None
        assert self.scene.optimal is not None
        difference = self.scene.d[moment].astype(np.float32) - self.scene.optimal[moment]
        return self._field(0.5 + difference / (2 * FULL_ERROR), ERROR)

    def _nothing(self, moment: int) -> Pixels:
        return np.zeros((self.size, self.size), np.uint8)

    def _field(self, values: Array, first: int) -> Pixels:
        """A field (r, r), 0 to 1 over the ramp whose first level is `first`, bilinear between the cells' centres."""
        values = values[::-1].astype(np.float32)
        there = np.isfinite(values)
        level_of = [first + level for level in _SIDE_OF]
        if there.all():
            return self._enlarged(_depth(values), level_of, Image.Resampling.BILINEAR)
        return self._enlarged(_depth(_carried_on(values, there)), level_of, Image.Resampling.BILINEAR, there)

    def _enlarged(
        self, depth: Pixels, level_of: list[int], how: Image.Resampling, there: Array | None = None
    ) -> Pixels:
        """An image of depths as the panel's pixels; depths become levels after interpolation, where `there`."""
        side = self.size // self.block, self.size // self.block
        small = np.array(Image.fromarray(depth).resize(side, how).point(level_of))
        if there is not None:
            share = Image.fromarray(there.astype(np.uint8) * np.uint8(255)).resize(side, how)
            small[np.asarray(share) < 128] = UNDETERMINED
        if self.block == 1:
            return small
        pixels = np.empty((self.size, self.size), np.uint8)
        pairs = pixels.view(np.uint16)  # two equal pixels are one number
        pairs[::2] = pairs[1::2] = small * np.uint16(257)
        return pixels

    def _map(self, moment: int) -> Pixels:
        """The lattice's cells in the heat of their mass per area, the densest on top, and the lines between them."""
        assert self.scene.lattice is not None
        vertices, mass = self.scene.lattice
        at = np.where(np.isfinite(vertices[moment]), vertices[moment], np.nan).astype(float)
        quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=2)  # (n, n, 4, 2)
        a, b, c, d = np.moveaxis(quads, 2, 0)
        area = (np.abs(_cross(b - a, c - a)) + np.abs(_cross(c - a, d - a))) / 2  # folded cells too
        density = mass / np.maximum(area, 1e-12)
        level = np.round(plotting.heat(density, self.peak) * (HEATS - 1))
        places = np.round(self._pixels_of(at))
        corners = np.stack([places[:-1, :-1], places[:-1, 1:], places[1:, 1:], places[1:, :-1]], axis=2).reshape(-1, 8)
        # lines between cells that they would hide are left out
        sides = np.abs(np.diff(quads, axis=2, append=quads[:, :, :1])).sum(axis=(2, 3))
        wide = (4 * area / np.maximum(sides, 1e-12) * self.size / (2 * self.half_width) > LINED).ravel()
        image = Image.new("L", (self.size, self.size))
        draw = ImageDraw.Draw(image)
        order = np.argsort(density, axis=None, kind="stable")
        order = order[np.isfinite(corners[order]).all(axis=1)]
        fills = level.ravel()[order].astype(int).tolist()
        for corner, fill, lined in zip(corners[order].tolist(), fills, wide[order].tolist(), strict=True):
            draw.polygon(corner, fill=fill, outline=POINT if lined else None)
        return np.array(image)

    def _pixels_of(self, points: Array) -> Array:
        """Points (..., 2) as places (x, y) in the panel for Pillow, for which a pixel's middle is a whole number."""
        scale = self.size / (2 * self.half_width)
        # far beyond the border, directions matter little and long lines cost time
        reach = 8 * self.half_width
        x, y = np.moveaxis(points.clip(-reach, reach), -1, 0)
        return np.stack([(x + self.half_width) * scale - 0.5, (self.half_width - y) * scale - 0.5], axis=-1)

    def _dots(self, moment: int) -> Array:
        """Flat indices of the pixels of generated samples; nan, inf and what lies outside is left out."""
        points = self.points[moment]
        points = points[(np.abs(points) < self.half_width).all(axis=1)]
        at = (
            ((points + self.half_width) * (self.size / (2 * self.half_width))).astype(int).clip(0, self.size - self.dot)
        )
        offsets = np.arange(self.dot)
        rows, columns = self.size - 1 - at[:, 1, None] - offsets, at[:, 0, None] + offsets
        return (rows[:, :, None] * self.size + columns[:, None, :]).ravel()

    def _arrows(self, moment: int) -> tuple[Array, Array, Array]:
        """Arrows as flat indices of pixels, the cover (0 to COVERS - 1) of their edge and (0 to 4) of their own."""
        assert self.scene.pull is not None
        pull = self.scene.pull[moment].astype(float)
        where = self.scene.plane.samples[moment, : len(pull)].astype(float)
        shown = (np.abs(where) < self.half_width).all(axis=1) & np.isfinite(pull).all(axis=1)
        where, pull = where[shown], pull[shown]
        tail = self._pixels_of(where)
        # one arrow, that of the first sample, in each small square: more would hide each other
        squares = (tail // max(11, self.size / 48)).astype(int)
        _, firsts = np.unique(squares[:, 1] * self.size + squares[:, 0], return_index=True)
        tail, pull = 2 * tail[firsts] + 0.5, pull[firsts]
        length = np.linalg.norm(pull, axis=1, keepdims=True)
        step = pull / np.maximum(length, self.reach) * (2 * arrow_length(self.size))
        drawn = draw_arrows(tail, step * (1, -1), self.size, self.size, self.size)
        at = np.flatnonzero(drawn > 0)
        return at, _EDGE_OF[drawn.ravel()[at]], _CORE_OF[drawn.ravel()[at]]


class Graph:
    """A strip: curves in a box, drawn once, and a cursor."""

    def __init__(self, strip: Strip, span: tuple[float, float], limits: tuple[float, float], font: int) -> None:
        """`span` is the first and last step of the box, `limits` the least and greatest value, `font` for words."""
        self.strip, self.span, self.limits, self.font = strip, span, limits, font
        steps = np.asarray(strip.steps, float)
        within = (steps >= span[0]) & (steps <= span[1])
        self.steps = steps[within]
        self.lines = [np.where(np.isfinite(v), v, np.nan)[within] for _, v, _ in strip.curves]
        self.ticks = [(tick, _word(_number(tick), font)) for tick in _ticks(*self.limits, 3)]
        self.room = 8 + max((word.shape[1] for _, word in self.ticks), default=0)  # left of the box, pixels
        self.box = 0, 0, 1, 1  # left, top, width, height

    def head(self, shade_of: Mapping[str, int], keyed: bool) -> Pixels:
        """The words over the box: the label, and the names of the curves if they are `keyed` here."""
        parts = [_word(self.strip.label, self.font, bold=True)]
        for name, _, colour in self.strip.curves if keyed and len(self.strip.curves) > 1 else ():
            parts += [_blank(parts[0], 14), _sample(len(parts[0]), shade_of[colour]), _blank(parts[0], 6)]
            parts.append(_word(name, self.font))
        return np.hstack(parts)

    def draw(self, canvas: Pixels, box: tuple[int, int, int, int], shade_of: Mapping[str, int], keyed: bool) -> None:
        """Draw into `box`, words around it; `shade_of` is the first palette index of a curve's colour."""
        self.box = left, top, width, height = box
        there = canvas[top : top + height, left : left + width]
        for (_, _, colour), line in zip(self.strip.curves, self.lines, strict=True):
            x, y = _thinned(self.across(self.steps), self.down(line), width)
            cover = _curve(x, y, width, height)
            there[cover > 0] = (shade_of[colour] - 1) + cover[cover > 0]
        canvas[top : top + height + 1, left - 1] = EDGE
        canvas[top + height, left - 1 : left + width] = EDGE
        for tick, word in self.ticks:
            row = top + int(min(self.down(tick), height - 1))
            canvas[row, left - 4 : left - 1] = EDGE
            _stamp(canvas, left - 6 - word.shape[1], row - len(word) // 2, word)
        for tick in _ticks(*self.span, max(2, width // 90)):
            column = left + int(min(self.across(tick), width - 1))
            canvas[top + height : top + height + 4, column] = EDGE
            word = _word(_number(tick), self.font)
            _stamp(canvas, min(column - word.shape[1] // 2, left + width - word.shape[1]), top + height + 4, word)
        head = self.head(shade_of, keyed)[:, : width + 8]
        _stamp(canvas, left, top - len(head) - 3, head)

    def mark(self, canvas: Pixels, step: float) -> None:
        """Put the cursor at a step."""
        left, top, width, height = self.box
        x = left + int(min(self.across(step), width - 2))
        canvas[top : top + height, x : x + 2] = CURSOR

    def across(self, steps: Any) -> Any:
        """Pixels from the box's left side."""
        first, last = self.span
        return (steps - first) / max(last - first, 1) * self.box[2]

    def down(self, values: Any) -> Any:
        """Pixels from the box's upper side."""
        low, high = self.limits
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging GAN's losses
            return (high - np.asarray(values, float)) / (high - low) * self.box[3]


class Sheet:
    """The picture: where everything stands, and, on `canvas`, what stays the same in all frames.

    Down: title; column names; for each row of settings a line or more of words, the views' names, the planes, their
    tick labels and strips; the clock's bar, which grows with the step; the step and the key.
    """

    margin, inner = 14, 8  # pixels: at the right; between the views of a setting

    def __init__(
        self,
        scenes: Mapping[Cell, Scene],
        rows: Sequence[str],
        columns: Sequence[str],
        half_width: float,
        steps: Sequence[int] | Array,
        layers: Sequence[str] | None = None,
        size: int | None = None,
        title: str = "",
        clock: str = "step",
    ) -> None:
        _check(scenes, rows, columns, steps)
        self.scenes, self.half_width, self.steps = scenes, half_width, [int(step) for step in steps]
        self.span, self.clock = (float(self.steps[0]), float(self.steps[-1])), clock
        self.single = len(rows) == len(columns) == 1
        if self.single:
            title, rows, columns = title or scenes[0, 0].plane.title, [""], [""]
        self.rows, self.columns = rows, columns
        self.labelled = not (self.single or any(rows) or any(columns))  # panels have names of their own
        self.layers = chosen(layers, scenes)
        self.views = views_of(self.layers)
        self.named = len(self.views) > 1 or (self.single and self.views[0] not in ("", "density"))
        self.reach = _reach(scenes) if "arrows" in self.layers else 1.0

        planes = len(columns) * len(self.views)  # side by side
        usual, highest = (WIDE, HIGH) if self.single and planes == 1 else (WIDEST, HIGHEST)
        self.width, self.scale = size or usual, (size or usual) / usual
        font = 18 if self.single else np.clip(WIDEST // (12 * max(planes, len(rows))), 14, 20)
        self.font = max(11, round(font * self.scale))
        self.small, self.line = max(9, self.font - 3), round(1.45 * self.font)  # lesser words; a line of words, pixels
        self.ticks = {tick: _word(_number(tick), self.small) for tick in plotting.plane_ticks(half_width)}
        self.below = self.small + 12  # tick labels and what is around them
        self.graphs: dict[Cell, list[Graph]] = {cell: [] for cell in scenes}
        if "strip" in self.layers:
            shared = _shared_limits(scenes.values())
            for cell, scene in scenes.items():
                self.graphs[cell] = [Graph(s, self.span, shared[s.label], self.small) for s in scene.strip]
        self.deepest = max(map(len, self.graphs.values()))  # strips of a setting
        labels = max((graph.room for several in self.graphs.values() for graph in several), default=0)
        self.gap = max(12 if len(self.views) == 1 else 24, labels + 6)  # between settings

        # Left to right: row names, tick labels, planes.
        self.left = 10 + max(labels, *(word.shape[1] for word in self.ticks.values()))
        if any(rows):
            self.left += self.line
            longest = max(_font(self.font, True).getlength(name) for name in rows)
            self.left += self.line if longest > self._widest() else 0  # it will take two lines
        if size and self._widest() < SMALLEST:
            raise ValueError(f"{size} pixels are too narrow for {planes} planes side by side")
        (self.title,) = _names([title], self.font, self.width - self.left - self.margin, centred=False)
        self._stack(self._widest())
        for _ in range(2 if size is None else 0):  # lower planes are narrower, and their words may take more lines
            self._stack(min(self.side, (highest - self.top - self._foot()) // len(rows) - self.beside))
        if layers is None and self.side <= LARGE:
            self.layers.remove("samples")  # in small planes they would hide the heat
        self._place(size)
        self._furnish()
        covers: dict[int, Pixels] = {}
        self.panels = {c: Panel(s, self.layers, half_width, self.side, self.reach, covers) for c, s in scenes.items()}

    def _widest(self) -> int:
        """The side of planes that fill the width."""
        across, views = len(self.columns), len(self.views)
        setting = (self.width - self.left - self.margin - (across - 1) * self.gap) // across
        return (setting - (views - 1) * self.inner) // views

    def _foot(self) -> int:
        """Pixels below the lowest planes or strips."""
        return 22 + 2 * self.line + (0 if self.deepest else self.below)

    def _stack(self, side: int) -> None:
        """What takes how much room with planes of about `side`: `beside` is what of a row is not plane."""
        self.side = max(side, SMALLEST) // 2 * 2
        self.block = len(self.views) * (self.side + self.inner) - self.inner  # a setting's views side by side
        self.tops = _names(self.columns, self.font, self.block)
        self.top = 8 + len(self.title) + max(map(len, self.tops))
        self.words = self._words(self.block < CRAMPED)
        self.over, self.over_font = _over(self.words, self.block, self.font - 2)
        self.head = round(1.4 * self.over_font) * len(self.over) + self.line * self.named + 10
        inside = self.width - self.left - self.margin if self.single else self.block
        apart = self.gap + 8  # from one strip to the next beside it
        self.abreast = int(np.clip((inside + apart) // (NARROW + apart), 1, max(self.deepest, 1)))
        height = int(np.clip(0.13 * inside, 44, max(44, 80 * self.scale)))
        self.strip = (inside + apart) // self.abreast - apart, height
        strips = self.below + (self.line + height + self.below) * -(-self.deepest // self.abreast)
        self.beside = self.head + (strips if self.deepest else 0)

    def _place(self, size: int | None) -> None:
        """Where everything is, and the empty canvas."""
        down, across = len(self.rows), len(self.columns)
        planes = across * (self.block + self.gap) - self.gap
        if size is None and not self.single:
            self.width = self.left + planes + self.margin
        length = max(self.width - self.left - self.margin, planes)
        self.columns_left = [self.left + (length - planes) // 2 + c * (self.block + self.gap) for c in range(across)]
        self.rows_top = [self.top + self.head + r * (self.side + self.beside) for r in range(down)]
        self.at = {  # left and top of each view
            (r, c): [
                (self.columns_left[c] + v * (self.side + self.inner), self.rows_top[r]) for v in range(len(self.views))
            ]
            for r, c in self.scenes
        }
        end = self.top + down * (self.side + self.beside) + (0 if self.deepest else self.below)
        self.bar = self.left, end, length, max(5, round(5 * self.scale))  # left, top, length, height

        drawn = [graph.strip.curves for several in self.graphs.values() for graph in several]
        shades = list(dict.fromkeys(colour for curves in drawn for _, _, colour in curves))
        self.palette = palette(shades)
        self.shade_of = {colour: CURVES + SHADES * k for k, colour in enumerate(shades)}
        heads = [graph.head(self.shade_of, True) for several in self.graphs.values() for graph in several]
        self.keyed = all(head.shape[1] <= self.strip[0] for head in heads)  # curves are named where they are
        # a strip's only curve needs no name
        several = [] if self.keyed else [curves for curves in drawn if len(curves) > 1]
        self.curves = dict.fromkeys((name, colour) for curves in several for name, _, colour in curves)

        self.step_top = end + self.bar[3] + 5
        room = length - round(_font(self.font, True).getlength(f"{self.clock} {self.steps[-1]}")) - self.font
        self.key, below_step = _flowed(self._key(), length, room, self.line)
        self.key_at = (
            (self.left, self.step_top + self.line)
            if below_step
            else (self.left + length - self.key.shape[1], self.step_top)
        )
        height = self.key_at[1] + len(self.key) + 6
        # even sides suit every video format
        self.canvas = np.zeros((height + height % 2, self.width + self.width % 2), np.uint8)

    def _furnish(self) -> None:
        """Draw what stays the same."""
        canvas = self.canvas
        _stamp(canvas, self.left, 6, self.title)
        _stamp(canvas, *self.key_at, self.key)
        for left, word in zip(self.columns_left, self.tops, strict=True):
            _stamp(canvas, left + (self.block - word.shape[1]) // 2, self.top - len(word), word)
        for top, name in zip(self.rows_top, _names(self.rows, self.font, self.side + self.head - 10), strict=True):
            word = np.rot90(name)
            _stamp(canvas, 4, top + (self.side - len(word)) // 2, word)
        left, top, length, height = self.bar
        canvas[top : top + height, left : left + length] = TRACK
        for cell in self.scenes:
            self._frame_planes(cell)
            self._write(canvas, cell, "label", 0)
            self._write(canvas, cell, "verdict", 0)
            x, y = self.left if self.single else self.at[cell][0][0], self.at[cell][0][1] + self.side
            for k, graph in enumerate(self.graphs[cell]):
                right, down = k % self.abreast, k // self.abreast
                left = x + right * (self.strip[0] + self.gap + 8)
                top = y + self.below + self.line + down * (self.line + self.strip[1] + self.below)
                graph.draw(canvas, (left, top, *self.strip), self.shade_of, self.keyed)

    def frame(self, moment: int) -> Pixels:
        """The picture (height, width) at one moment."""
        canvas, step = self.canvas.copy(), self.steps[moment]
        for cell, panel in self.panels.items():
            for (x, y), pixels in zip(self.at[cell], panel.draw(moment), strict=True):
                canvas[y : y + self.side, x : x + self.side] = pixels
            self._write(canvas, cell, "note", moment)
            for graph in self.graphs[cell]:
                graph.mark(canvas, step)
        (left, top, length, height), (first, last) = self.bar, self.span
        progress = (step - first) / (last - first) if last > first else 1.0
        canvas[top : top + height, left : left + max(1, round(progress * length))] = BAR
        _stamp(canvas, left, self.step_top, _word(f"{self.clock} {step}", self.font, bold=True))
        return canvas

    def _frame_planes(self, cell: Cell) -> None:
        """Frames, names and ticks of one setting's planes."""
        (r, c), canvas, side = cell, self.canvas, self.side
        lowest = self.deepest > 0 or not any(row > r and column == c for row, column in self.scenes)
        first = not any(row == r and column < c for row, column in self.scenes)
        y, end = self.rows_top[r], self.rows_top[r] + side
        close = 2 * max(word.shape[1] for word in self.ticks.values()) > side / self.half_width * max(self.ticks)
        for view, (x, _) in zip(self.views, self.at[cell], strict=True):
            if self.named and view:
                word = _word(VIEWS[view], _fit([VIEWS[view]], self.small + 1, side, bold=True), bold=True)
                _stamp(canvas, x, y - 4 - len(word), word)
            canvas[y - 1 : end + 1, x - 1 : x + side + 1] = EDGE
            for tick, word in self.ticks.items():
                place = round((tick / self.half_width + 1) * side / 2)
                if close and tick == 0:  # no room for its label
                    word = word[:0]
                if lowest:
                    canvas[end + 1 : end + 5, x + place] = EDGE
                    _stamp(canvas, x + place - word.shape[1] // 2, end + 5, word)
                if first and x == self.at[cell][0][0]:
                    canvas[end - 1 - place, x - 5 : x - 1] = EDGE
                    _stamp(canvas, x - 7 - word.shape[1], end - place - len(word) // 2, word)

    def _words(self, cramped: bool) -> dict[str, dict[Cell, Sequence[str]]]:
        """The kinds of words over the planes, and what each cell has of them; small planes have no notes."""
        ending = "{}" if cramped else "ends: {}"
        scenes = self.scenes.items()
        return {
            "label": {c: [s.plane.title if self.labelled else ""] for c, s in scenes},
            "note": {c: [""] * len(s.plane.notes) if cramped else s.plane.notes for c, s in scenes},
            "verdict": {c: [ending.format(s.verdict) if s.verdict else ""] for c, s in scenes},
        }

    def _write(self, canvas: Pixels, cell: Cell, kind: str, which: int) -> None:
        """Put words of one kind where they belong over a setting's planes."""
        text = self.words[kind][cell][which]
        for k, kinds in enumerate(self.over):
            if text and kind in kinds:
                word = _word(text, self.over_font, kind == "label")[:, : self.block]
                (x, y), last = self.at[cell][0], len(kinds) > 1 and kind == kinds[-1]
                down = y - self.head + 7 + k * round(1.4 * self.over_font)
                _stamp(canvas, x + (self.block - word.shape[1] if last else 0), down, word)

    def _key(self) -> list[Pixels]:
        """The legend's entries, each a sample and its words, all of one height."""
        layers, scenes = self.layers, self.scenes.values()
        tall = len(_word(" ", self.small))
        middle = tall // 2

        def ramp(first: int, levels: int, each: int) -> Pixels:
            bar = np.zeros((tall, levels * each), np.uint8)
            bar[3:-3] = (first + np.arange(levels, dtype=np.uint8)).repeat(each)
            return bar

        def entry(*parts: Pixels | str) -> Pixels:
            drawn = [_word(part, self.small) if isinstance(part, str) else part for part in parts]
            return np.hstack([piece for part in drawn for piece in (part, _blank(part, 6))][:-1])

        entries = []
        if "contours" in layers:
            line = np.zeros((tall, 26), np.uint8)
            line[middle : middle + 2] = LINE
            entries.append(entry(line, "real density"))
        if "density" in layers or "map" in layers:
            entries.append(entry(ramp(0, HEATS, 4), "generated"))
        if "map" in layers:
            net = np.zeros((tall, 19), np.uint8)
            net[middle - 6 : middle + 7 : 6] = net[middle - 6 : middle + 7, :19:6] = POINT
            net[: middle - 6] = net[middle + 7 :] = 0
            entries.append(entry(net, "grid of latents"))
        if "samples" in layers:
            dots = np.zeros((tall, 12), np.uint8)
            for x, y in ((1, -2), (5, 2), (9, -3)):
                dots[middle + y : middle + y + 2, x : x + 2] = POINT
            entries.append(entry(dots, "samples"))
        if "d" in layers or "optimal" in layers:
            name = " and ".join(name for layer, name in (("d", "D"), ("optimal", "D*")) if layer in layers)
            entries.append(entry(f"{name}: generated", ramp(BELIEF, SIDES, 4), "real"))
        if "difference" in layers:
            ends = [f"{sign}{FULL_ERROR:g}" for sign in ("−", "+")]
            entries.append(entry(f"D − D*: {ends[0]}", ramp(ERROR, SIDES, 4), ends[1]))
        if any(not np.isfinite(f).all() for s in scenes for f in _fields(s, layers)):
            patch = np.zeros((tall, 18), np.uint8)
            patch[3:-3] = UNDETERMINED
            entries.append(entry(patch, "no density"))
        if "arrows" in layers:
            long = arrow_length(self.side)
            drawn = draw_arrows(np.array([[6.0, tall]]), np.array([[2 * long, 0]]), round(long) + 8, tall, self.side)
            core = _CORE_OF[drawn]
            arrow = np.where(core, ARROW - 1 + core, LEVELS * _EDGE_OF[drawn]).astype(np.uint8)
            entries.append(entry(arrow, f"D's pull, {_number(self.reach)} per unit or more"))
        for name, colour in self.curves:
            entries.append(entry(_sample(tall, self.shade_of[colour]), name))
        return entries


def views_of(layers: Sequence[str]) -> list[str]:
    """The layers that fill a plane; one empty view where none does."""
    return [layer for layer in layers if layer in VIEWS] or [""]


def contour_cover(density: Array, half_width: float, size: int) -> Pixels:
    """How far contour lines cover each pixel (size, size) of a plane, 0 to COVERS - 1."""
    with matplotlib.rc_context(STYLE):
        inches, limits = size / 100, (-half_width, half_width)
        canvas = FigureCanvasAgg(Figure(figsize=(inches, inches), dpi=100, facecolor="white"))
        axes = canvas.figure.add_axes((0, 0, 1, 1), xlim=limits, ylim=limits)
        axes.set_axis_off()
        plotting.draw_contours(axes, density, half_width, max(1.0, size / 600) if size > LARGE else 0.8)
        canvas.draw()
    dark = (255 - np.asarray(canvas.buffer_rgba())[:, :, 0].astype(float)) / 255
    cover = np.clip(dark / (1 - to_rgb(colours.REAL)[0]), 0, 1)
    return np.round(cover * (COVERS - 1)).astype(np.uint8)


def arrow_length(size: int) -> float:
    """Pixels of the longest arrow in a plane of a side."""
    return max(16.0, 0.085 * size)


def draw_arrows(tails: Array, steps: Array, width: int, height: int, size: int) -> Pixels:
    """Arrows on pixels (height, width), each the number of its quarters that any arrow covers, + 16 × those in a core.

    `tails` and `steps` (A, 2) are in half pixels, x and y down; `size` is the plane's side, which sets how thick they
    are. An arrow starts with a dot, which is all there is of one without a step.
    """
    thick, edge = 2 * max(1.0, size / 400), 2 * min(1.0, max(0.5, size / 400))
    image = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(image)
    length = np.linalg.norm(steps, axis=1)
    along = steps / np.maximum(length, 1e-12)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    tip = np.minimum(3.25 * thick, 0.75 * length)  # the head's length
    wing = 0.55 * tip
    stem = np.minimum(thick / 2, 0.5 * wing)
    neck = length - tip
    outlines, dots = [], []
    for grow in (edge, 0.0):
        more = grow - 0.5  # Pillow fills pixels on an outline too
        # (A, 7) along the arrow, and across it: tail, neck, wing, tip and back on the other side
        a = np.stack([0 * length - more, neck - more, neck - more, length + 2 * grow], axis=1)[:, [0, 1, 2, 3, 2, 1, 0]]
        b = np.stack([stem + more, wing + 1.5 * more, 0 * length], axis=1)[:, [0, 0, 1, 2, 1, 0, 0]]
        b[:, 4:] *= -1
        points = tails[:, None] + a[:, :, None] * along[:, None] + b[:, :, None] * across[:, None]
        outlines.append(np.round(points).reshape(-1, 14).tolist())
        radius = 0.9 * thick + more
        dots.append(np.round(np.concatenate([tails - radius, tails + radius], axis=1)).tolist())
    for moves, outer, inner, rim, dot in zip(length > 1.5 * thick, *outlines, *dots, strict=True):
        if moves:
            draw.polygon(outer, fill=4)
        draw.ellipse(rim, fill=4)
        if moves:
            draw.polygon(inner, fill=68)
        draw.ellipse(dot, fill=68)
    return np.asarray(image.reduce(2))  # means of four: 1 for each quarter, 16 more where it is of a core


_HEAT_OF = [round(value * (HEATS - 1) / 255) for value in range(256)]  # level of a depth 0 to 255
_SIDE_OF = [round(value * (SIDES - 1) / 255) for value in range(256)]
_CORE_OF = (np.arange(256) >> 4).astype(np.uint8)  # of what draw_arrows counts
_EDGE_OF = np.round((np.arange(256) & 15).clip(0, 4) / 4 * (COVERS - 1)).astype(np.uint8)


def _check(
    scenes: Mapping[Cell, Scene], rows: Sequence[str], columns: Sequence[str], steps: Sequence[int] | Array
) -> None:
    if not scenes:
        raise ValueError("an animation needs at least one plane")
    for cell, scene in scenes.items():
        if len(scene.plane.samples) != len(steps):
            raise ValueError(f"plane {cell} has {len(scene.plane.samples)} moments for {len(steps)} steps")
        if not (0 <= cell[0] < len(rows) and 0 <= cell[1] < len(columns)):
            raise ValueError(f"plane {cell} lies outside {len(rows)} rows × {len(columns)} columns")


def _fields(scene: Scene, layers: Sequence[str]) -> list[Array]:
    """The fields that a scene shows in these layers."""
    names = dict.fromkeys(name for layer in layers for name in NEEDS.get(layer, ()) if name in ("d", "optimal"))
    return [getattr(scene, name) for name in names]


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _depth(values: Array) -> Pixels:
    """Values 0 to 1 as 0 to 255."""
    return np.round(255 * values.clip(0, 1)).astype(np.uint8)


def _carried_on(values: Array, there: Array) -> Array:
    """Values (r, r) that are `there`, and beside them the mean of those that touch: what interpolation needs."""
    total, count = np.pad(np.where(there, values, 0), 1), np.pad(there.astype(np.float32), 1)
    total, count = (a[:-2] + a[1:-1] + a[2:] for a in (total, count))
    total, count = (a[:, :-2] + a[:, 1:-1] + a[:, 2:] for a in (total, count))
    return np.where(there, values, total / np.maximum(count, 1))


def _reach(scenes: Mapping[Cell, Scene]) -> float:
    """The pull that the longest arrows of all panels and frames stand for: round, exceeded by one in ten at most."""
    lengths = [np.linalg.norm(s.pull.astype(float), axis=-1).ravel() for s in scenes.values() if s.pull is not None]
    finite = np.concatenate(lengths)
    finite = finite[np.isfinite(finite)]
    common = float(np.percentile(finite, 90)) if finite.size else 0.0
    if not common > 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(common))
    return float(next(s * unit for s in (1, 2, 5, 10) if s * unit >= common * (1 - 1e-9)))


def _over(words: Mapping[str, Mapping[Cell, Sequence[str]]], room: int, font: int) -> tuple[list[tuple[str, ...]], int]:
    """The lines of words over the planes, each one or two kinds of words, and their font size.

    `words[kind][cell]` are all that are ever shown there. Two kinds share a line where at no less than 4/5 of the
    wanted size both have room in every cell. The note comes last: what changes is to be near the plane.
    """
    longest = {
        kind: {cell: max(several, key=_font(font, False).getlength) for cell, several in cells.items()}
        for kind, cells in words.items()
    }
    kinds = [kind for kind in longest if any(longest[kind].values())]  # label, note, verdict
    lines: list[tuple[str, ...]] = [(kind,) for kind in ("label", "verdict", "note") if kind in kinds]
    if len(kinds) > 1:
        a, b = kinds[0], kinds[-1]
        for size in range(font, max(9, round(0.8 * font)) - 1, -1):
            bold, plain = _font(size, a == "label").getlength, _font(size, False).getlength
            if all(bold(longest[a][cell]) + plain(longest[b][cell]) + size <= room for cell in longest[a]):
                return [(a, b), *(line for line in lines if line[0] not in (a, b))], size
    sizes = [_fit(list(longest[kind].values()), font, room, kind == "label") for kind in kinds]
    return lines, min(sizes, default=font)


def _flowed(entries: list[Pixels], room: int, beside: int, line: int) -> tuple[Pixels, bool]:
    """Entries of a legend in lines of `room` pixels, and whether they need to go below the step; else in `beside`."""
    gap = 16
    wide = sum(entry.shape[1] + gap for entry in entries) - gap
    if not entries or wide <= beside:
        return _row(entries, gap, line), False
    lines: list[list[Pixels]] = [[]]
    for entry in entries:
        if lines[-1] and sum(e.shape[1] + gap for e in lines[-1]) + entry.shape[1] > room:
            lines.append([])
        lines[-1].append(entry)
    rows = [_row(several, gap, line) for several in lines]
    widest = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, widest - row.shape[1]))) for row in rows]), True


def _row(entries: list[Pixels], gap: int, line: int) -> Pixels:
    """Patches in a row, `line` pixels high."""
    if not entries:
        return np.zeros((line, 1), np.uint8)
    row = np.hstack([piece for entry in entries for piece in (entry, _blank(entry, gap))][:-1])
    return np.pad(row, ((0, max(0, line - len(row))), (0, 0)))


def _curve(x: Array, y: Array, width: int, height: int) -> Pixels:
    """How far the line through (x, y), pixels, covers each pixel (height, width), 0 to SHADES; nan is a gap."""
    fine = 3
    image = Image.new("L", (fine * width, fine * height))
    draw = ImageDraw.Draw(image)
    # a line 5 wide has its middle in the middle of a fine pixel
    points = np.round(np.stack([fine * x, fine * np.clip(y, -height, 2 * height)], axis=1) - 0.5)
    for part in _runs(points):
        if len(part) > 1:
            draw.line(part.ravel().tolist(), fill=255, width=5, joint="curve")
        else:
            draw.ellipse((*(part[0] - 2), *(part[0] + 2)), fill=255)
    return np.round(np.asarray(image.reduce(fine)) / 255.0 * SHADES).astype(np.uint8)


def _shared_limits(scenes: Iterable[Scene]) -> dict[str, tuple[float, float]]:
    """The limits of all strips that have a label. The few wildest values are beyond them, and flatten nothing."""
    values: dict[str, list[Array]] = {}
    for scene in scenes:
        for strip in scene.strip:
            values.setdefault(strip.label, []).extend(np.ravel(v).astype(float) for _, v, _ in strip.curves)
    return {label: limits(np.concatenate(several), trim=0.5) for label, several in values.items()}


def _thinned(x: Array, y: Array, width: int) -> tuple[Array, Array]:
    """A line of no more than one point to two pixels: the median of those that are there, nan where none is finite."""
    if len(x) <= width // 2:
        return x, y
    place = (x / 2).astype(int)
    cuts = np.flatnonzero(np.diff(place)) + 1
    middle = [np.median(part[np.isfinite(part)]) if np.isfinite(part).any() else np.nan for part in np.split(y, cuts)]
    return np.array([part.mean() for part in np.split(x, cuts)]), np.array(middle)


def _runs(points: Array) -> list[Array]:
    """Points (N, 2) cut into runs without nan or inf, none of them empty."""
    whole = np.isfinite(points).all(axis=1)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(int)))
    return [points[first:last] for first, last in ends.reshape(-1, 2)]


def _ticks(low: float, high: float, count: int) -> list[float]:
    """At most count + 1 round numbers within limits."""
    return [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]


def _number(value: float) -> str:
    return f"{round(value, 12):g}".replace("-", "−")


def _sample(height: int, first: int) -> Pixels:
    """A piece of a curve whose shades begin with index `first`."""
    sample = np.zeros((height, 18), np.uint8)
    sample[height // 2 : height // 2 + 2] = first + SHADES - 1
    return sample


def _blank(beside: Pixels, width: int) -> Pixels:
    return np.zeros((len(beside), width), np.uint8)


def _stamp(canvas: Pixels, left: int, top: int, patch: Pixels) -> None:
    """Put a patch on a canvas, cut at its borders."""
    patch = patch[max(0, -top) :, max(0, -left) :]
    there = canvas[max(0, top) :, max(0, left) :][: patch.shape[0], : patch.shape[1]]
    there[:] = patch[: there.shape[0], : there.shape[1]]


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib's own files, laid out plainly: the same on every machine."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=512)
def _word(text: str, size: int, bold: bool = False) -> Pixels:
    """Text as greys of the palette (ascent + descent, width)."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(image).text((0, ascent), text, 255, font, anchor="ls")
    return (PAPER + np.round(np.asarray(image) / 255.0 * (GREYS - 1))).astype(np.uint8)


def _fit(texts: Sequence[str], size: int, room: int, bold: bool = False) -> int:
    """The largest font size up to `size`, but at least 9, at which no text is wider than `room` pixels."""
    widest = max((_font(size, bold).getlength(text) for text in texts), default=0)
    return size if widest <= room else max(9, int(size * room / widest))


def _names(texts: Sequence[str], font: int, room: int, centred: bool = True) -> list[Pixels]:
    """Bold names in lines of `room` pixels, all in one size, as large as they can be up to `font`.

    They take one line each where 4/5 of the size is enough for that, else two; at size 9 they are cut.
    """
    one = _fit(texts, font, room, bold=True)
    if one >= 0.8 * font:
        size, lines = one, [[text] if text else [] for text in texts]
    else:
        for size in range(font, 8, -1):
            lines = [_broken(text, _font(size, True).getlength, room) for text in texts]
            if all(max(map(_font(size, True).getlength, several)) <= room for several in lines):
                break
    step, names = round(1.25 * size), []
    for several in lines:
        words = [_word(line, size, bold=True)[:, :room] for line in several]
        wide = max((word.shape[1] for word in words), default=1)
        name = np.zeros((len(words) * step + round(0.2 * font) if words else 0, wide), np.uint8)
        for k, word in enumerate(words):
            _stamp(name, (wide - word.shape[1]) // 2 if centred else 0, k * step, word)
        names.append(name)
    return names


def _broken(text: str, length: Callable[[str], float], room: int) -> list[str]:
    """Text in one line if it fits into `room`, else in two: broken at a dot if they then fit, else evenly."""
    if length(text) <= room:
        return [text]
    words = text.split(" ")
    breaks = []
    for k in range(1, len(words)):
        lines = [" ".join(part).strip(" ·") for part in (words[:k], words[k:])]
        longer = max(map(length, lines))
        at_dot = "·" in (words[k - 1], words[k])
        breaks.append((not (at_dot and longer <= room), longer, lines))
    return min(breaks)[2] if breaks else [text]
