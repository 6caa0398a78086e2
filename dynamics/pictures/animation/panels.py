"""Panels of an animation: what one setting does in the plane, layer by layer, as pixels at any moment.

Each layer that fills the plane is a view of its own; the others are drawn over every view, or below. Colours and
scales are those of plotting.py and colours.py, the same in all frames and panels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Affine2D
from PIL import Image, ImageDraw

from dynamics.pictures import plates
from dynamics.pictures.animation.film import Pixels
from dynamics.pictures.animation.strips import Strip
from dynamics.pictures.figures import Array
from dynamics.pictures.palette import ARROW, BELIEF, COVERS, ERROR, HEATS, LEVELS, POINT, SIDES, UNDETERMINED
from dynamics.pictures.plates import Cell, Plane

LAYERS = {
    "density": "a view: the generated density as a heat map; full colour is the real density's peak",
    "map": "a view: G as a map, a grid of latents pushed through it; cells coloured by mass per area, like the density",
    "d": "a view: D(x), red where D says generated, white at 1/2, blue where it says real",
    "optimal": "a view: the best D for this G, D*(x) = p_data / (p_data + p_g), in D's colours; with smoothed labels"
    " and instance noise as they are played",
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

LARGE = 300  # side from which a plane has room for samples, and from which its heat can do with half the pixels
POINTS = 200  # that are drawn over a heat map; without one, five times as many
LINED = 4  # pixels across, from which a cell of the lattice has lines around it
FULL_ERROR = 0.5  # |D − D*| of full colour
# Parts of interpolation's weights. Products with them are whole numbers below 2^24, so that float32 has them exactly,
# in whatever order a library for products adds them, on however many threads.
WHOLE = 128


@dataclass(frozen=True)
class Scene:
    """A plane, and what else can be shown of its setting at the same F moments. What is None cannot be."""

    plane: Plane
    verdict: str = ""  # what the run came to, "collapsed"; it stands in every frame
    d: Array | None = None  # (F, r, r) D(x) in [0, 1] at `plates.grid_points(half_width, r)`; nan: undetermined
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
        self.peak = plates.smoothed_peak(plane, half_width)
        covers = {} if covers is None else covers
        key = id(plane.outlined)
        if "contours" in layers and key not in covers:
            covers[key] = contour_cover(plane.outlined, half_width, size)
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
        density = plates.generated_density(samples, self.half_width, self.resolution, self.smoothing)
        depth = _depth(plates.heat(density[::-1], self.peak))
        return self._enlarged(depth, 0, HEATS, Image.Resampling.BICUBIC)

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
        if there.all():
            return self._enlarged(_depth(values), first, SIDES, Image.Resampling.BILINEAR)
        return self._enlarged(_depth(_carried_on(values, there)), first, SIDES, Image.Resampling.BILINEAR, there)

    def _enlarged(
        self, depth: Pixels, first: int, levels: int, how: Image.Resampling, there: Array | None = None
    ) -> Pixels:
        """An image of depths as the panel's pixels; depths become levels after interpolation, where `there`."""
        side = self.size // self.block
        level = _interpolated(depth, side, how) * np.float32((levels - 1) / (255 * WHOLE**2))
        small = np.rint(level.clip(0, levels - 1)).astype(np.uint8) + np.uint8(first)
        if there is not None:
            small[_interpolated(there, side, how) < 0.5 * WHOLE**2] = UNDETERMINED
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
        level = np.round(plates.heat(density, self.peak) * (HEATS - 1))
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


def views_of(layers: Sequence[str]) -> list[str]:
    """The layers that fill a plane; one empty view where none does."""
    return [layer for layer in layers if layer in VIEWS] or [""]


def contour_cover(density: Array, half_width: float, size: int) -> Pixels:
    """How far contour lines cover each pixel (size, size) of a plane, 0 to COVERS - 1."""
    renderer = RendererAgg(size, size, 100)
    pen = renderer.new_gc()
    pen.set_linewidth(max(1.0, size / 600) if size > LARGE else 0.8)  # points
    place = Affine2D().translate(half_width, half_width).scale(size / (2 * half_width))
    for line in plates.contour_lines(density, half_width):
        renderer.draw_path(pen, line, place)
    cover = np.asarray(renderer.buffer_rgba())[:, :, 3] / 255
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


def arrow_sample(size: int, height: int) -> Pixels:
    """An arrow of full length in a plane of a side, as a patch of a height."""
    long = arrow_length(size)
    drawn = draw_arrows(np.array([[6.0, height]]), np.array([[2 * long, 0]]), round(long) + 8, height, size)
    core = _CORE_OF[drawn]
    return np.where(core, ARROW - 1 + core, LEVELS * _EDGE_OF[drawn]).astype(np.uint8)


_CORE_OF = (np.arange(256) >> 4).astype(np.uint8)  # of what draw_arrows counts
_EDGE_OF = np.round((np.arange(256) & 15).clip(0, 4) / 4 * (COVERS - 1)).astype(np.uint8)


def common_reach(scenes: Mapping[Cell, Scene]) -> float:
    """The pull that the longest arrows of all panels and frames stand for: round, exceeded by one in ten at most."""
    lengths = [np.linalg.norm(s.pull.astype(float), axis=-1).ravel() for s in scenes.values() if s.pull is not None]
    finite = np.concatenate(lengths)
    finite = finite[np.isfinite(finite)]
    common = float(np.percentile(finite, 90)) if finite.size else 0.0
    if not common > 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(common))
    return float(next(s * unit for s in (1, 2, 5, 10) if s * unit >= common * (1 - 1e-9)))


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _depth(values: Array) -> Pixels:
    """Values 0 to 1 as 0 to 255."""
    return np.round(255 * values.clip(0, 1)).astype(np.uint8)


def _interpolated(cells: Array, side: int, how: Image.Resampling) -> Array:
    """Cells (r, r) of whole numbers up to 255 as an image (side, side), float32, times WHOLE²."""
    weights = _weights(len(cells), side, how)
    return weights @ cells.astype(np.float32) @ weights.T


@lru_cache(maxsize=64)
def _weights(cells: int, side: int, how: Image.Resampling) -> Array:
    """How much of each cell is in each pixel (side, cells), in parts of WHOLE; Pillow's."""
    shares = np.asarray(Image.fromarray(np.eye(cells, dtype=np.float32)).resize((cells, side), how))
    weights = np.round(WHOLE * shares)
    weights[np.arange(side), weights.argmax(axis=1)] += WHOLE - weights.sum(axis=1)
    return weights


def _carried_on(values: Array, there: Array) -> Array:
    """Values (r, r) that are `there`, and beside them the mean of those that touch: what interpolation needs."""
    total, count = np.pad(np.where(there, values, 0), 1), np.pad(there.astype(np.float32), 1)
    total, count = (a[:-2] + a[1:-1] + a[2:] for a in (total, count))
    total, count = (a[:, :-2] + a[:, 1:-1] + a[:, 2:] for a in (total, count))
    return np.where(there, values, total / np.maximum(count, 1))
