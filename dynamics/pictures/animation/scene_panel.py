"""A panel of an animation: what one setting does in the plane, layer by layer, as pixels at any moment.

Colours and scales are those of density_maps.py and colours.py, the same in all frames and panels.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Affine2D
from PIL import Image, ImageDraw

from dynamics.pictures import density_maps
from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import (
    ARROW,
    BELIEF,
    COVERS,
    ERROR,
    HEATS,
    LEVELS,
    POINT,
    SIDES,
    UNDETERMINED,
)
from dynamics.pictures.animation.pull_arrows import CORE_OF, EDGE_OF, arrow_length, draw_arrows
from dynamics.pictures.animation.scene_layers import Scene, views_of
from dynamics.pictures.figure_style import Array
from dynamics.settings.catalogue.layers import HEAT, LAYERS, OVER, VIEWS, functions_for

LARGE = 300  # side from which a plane has room for samples, and from which its heat can do with half the pixels
POINTS = 200  # that are drawn over a heat map; without one, five times as many
LINED = 4  # pixels across, from which a cell of the lattice has lines around it
FULL_ERROR = 0.5  # |D − D*| of full colour
# Parts of interpolation's weights. Products with them are whole numbers below 2^24, so that float32 has them exactly,
# in whatever order a library for products adds them, on however many threads.
WHOLE = 128

Paint = Callable[[Pixels], None]  # changes a view's pixels (size, size) in place


class ScenePanel:
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
        self.views = [DRAWN_VIEWS[layer] if layer else ScenePanel._nothing for layer in views_of(layers)]
        self.over = [draw for layer, draw in DRAWN_OVER.items() if layer in layers]
        heated = any(LAYERS[layer].colours == HEAT for layer in layers)
        self.points = plane.samples[:, : POINTS if heated else 5 * POINTS]
        self.dot = max(2, round(size / 300))
        self.block = 2 if size > LARGE and size % 2 == 0 else 1
        # Cells of one bandwidth carry what the smoothing leaves; what lies between them is interpolated. Counting on
        # cells smooths too, with the variance of a cell: the Gaussian gives that much less.
        finest = max(48, size // self.block)
        self.resolution = int(np.clip(np.ceil(2 * half_width / plane.bandwidth), 48, finest))
        cell = 2 * half_width / self.resolution
        self.smoothing = float(np.sqrt(max(plane.bandwidth**2 - cell**2 / 12, 0.0)))
        self.peak = density_maps.smoothed_peak(plane, half_width)
        covers = {} if covers is None else covers
        key = id(plane.outlined)
        if "contours" in layers and key not in covers:
            covers[key] = contour_cover(plane.outlined, half_width, size)
        self.contours = covers[key] * LEVELS if "contours" in layers else np.zeros((size, size), np.uint8)

    def draw(self, moment: int) -> list[Pixels]:
        """The views, in the layers' order."""
        over = [draw(self, moment) for draw in self.over]
        drawn = [view(self, moment) for view in self.views]
        for pixels in drawn:
            for paint in over:
                paint(pixels)
        return drawn

    def _density(self, moment: int) -> Pixels:
        samples = self.scene.plane.samples[moment]
        density = density_maps.generated_density(samples, self.half_width, self.resolution, self.smoothing)
        depth = _depth(density_maps.heat(density[::-1], self.peak))
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
        known = np.isfinite(values)
        if known.all():
            return self._enlarged(_depth(values), first, SIDES, Image.Resampling.BILINEAR)
        return self._enlarged(_depth(_carried_on(values, known)), first, SIDES, Image.Resampling.BILINEAR, known)

    def _enlarged(
        self, depth: Pixels, first: int, levels: int, resampling: Image.Resampling, known: Array | None = None
    ) -> Pixels:
        """An image of depths as the panel's pixels; depths become levels after interpolation, where `known`."""
        side = self.size // self.block
        level = _interpolated(depth, side, resampling) * np.float32((levels - 1) / (255 * WHOLE**2))
        small = np.rint(level.clip(0, levels - 1)).astype(np.uint8) + np.uint8(first)
        if known is not None:
            small[_interpolated(known, side, resampling) < 0.5 * WHOLE**2] = UNDETERMINED
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
        level = np.round(density_maps.heat(density, self.peak) * (HEATS - 1))
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

    def _samples(self, moment: int) -> Paint:
        """Generated samples as dots; nan, inf and what lies outside is left out."""
        points = self.points[moment]
        points = points[(np.abs(points) < self.half_width).all(axis=1)]
        at = (
            ((points + self.half_width) * (self.size / (2 * self.half_width))).astype(int).clip(0, self.size - self.dot)
        )
        offsets = np.arange(self.dot)
        rows, columns = self.size - 1 - at[:, 1, None] - offsets, at[:, 0, None] + offsets
        dots = (rows[:, :, None] * self.size + columns[:, None, :]).ravel()

        def paint(pixels: Pixels) -> None:
            pixels.reshape(-1)[dots] = POINT

        return paint

    def _contours(self, moment: int) -> Paint:
        """The real density's lines, over whatever level a pixel has."""

        def paint(pixels: Pixels) -> None:
            pixels += self.contours

        return paint

    def _arrows(self, moment: int) -> Paint:
        """D's pull on samples."""
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
        edge, core = EDGE_OF[drawn.ravel()[at]], CORE_OF[drawn.ravel()[at]]  # covers: 0 to COVERS - 1, 0 to 4

        def paint(pixels: Pixels) -> None:
            flat = pixels.reshape(-1)
            level, cover = flat[at] % LEVELS, flat[at] // LEVELS
            flat[at] = np.where(core, ARROW - 1 + core, level + LEVELS * np.maximum(cover, edge))

        return paint


# how a view is drawn, as pixels at a moment, and what is painted over every view, from the lowest to the uppermost
DRAWN_VIEWS = functions_for(
    VIEWS,
    {
        "density": ScenePanel._density,
        "map": ScenePanel._map,
        "d": ScenePanel._d,
        "optimal": ScenePanel._optimal,
        "difference": ScenePanel._difference,
    },
)
DRAWN_OVER = functions_for(
    OVER, {"samples": ScenePanel._samples, "contours": ScenePanel._contours, "arrows": ScenePanel._arrows}
)


def contour_cover(density: Array, half_width: float, size: int) -> Pixels:
    """How far contour lines cover each pixel (size, size) of a plane, 0 to COVERS - 1."""
    renderer = RendererAgg(size, size, 100)
    pen = renderer.new_gc()
    pen.set_linewidth(max(1.0, size / 600) if size > LARGE else 0.8)  # points
    place = Affine2D().translate(half_width, half_width).scale(size / (2 * half_width))
    for line in density_maps.contour_lines(density, half_width):
        renderer.draw_path(pen, line, place)
    cover = np.asarray(renderer.buffer_rgba())[:, :, 3] / 255
    return np.round(cover * (COVERS - 1)).astype(np.uint8)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _depth(values: Array) -> Pixels:
    """Values 0 to 1 as 0 to 255."""
    return np.round(255 * values.clip(0, 1)).astype(np.uint8)


def _interpolated(cells: Array, side: int, resampling: Image.Resampling) -> Array:
    """Cells (r, r) of whole numbers up to 255 as an image (side, side), float32, times WHOLE²."""
    weights = _weights(len(cells), side, resampling)
    return weights @ cells.astype(np.float32) @ weights.T


@lru_cache(maxsize=64)
def _weights(cells: int, side: int, resampling: Image.Resampling) -> Array:
    """How much of each cell is in each pixel (side, cells), in parts of WHOLE; Pillow's."""
    shares = np.asarray(Image.fromarray(np.eye(cells, dtype=np.float32)).resize((cells, side), resampling))
    weights = np.round(WHOLE * shares)
    weights[np.arange(side), weights.argmax(axis=1)] += WHOLE - weights.sum(axis=1)
    return weights


def _carried_on(values: Array, known: Array) -> Array:
    """Values (r, r) that are `known`, and beside them the mean of those that touch: what interpolation needs."""
    total, count = np.pad(np.where(known, values, 0), 1), np.pad(known.astype(np.float32), 1)
    total, count = (a[:-2] + a[1:-1] + a[2:] for a in (total, count))
    total, count = (a[:, :-2] + a[:, 1:-1] + a[:, 2:] for a in (total, count))
    return np.where(known, values, total / np.maximum(count, 1))
