"""The sheet that every frame of an animation is drawn on: where everything stands, and what stays the same."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dynamics.pictures import plane_ticks
from dynamics.pictures.animation.curve_strips import DrawnStrip, shared_limits
from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import (
    BAR,
    CURVES,
    EDGE,
    SHADES,
    TRACK,
    palette,
)
from dynamics.pictures.animation.pixel_text import (
    fitting_size,
    font_of,
    headings,
    legend_rows,
    stamp,
    text_pixels,
)
from dynamics.pictures.animation.pull_arrows import common_reach
from dynamics.pictures.animation.scene_layers import Scene, layers_drawn, views_of
from dynamics.pictures.animation.scene_panel import LARGE, ScenePanel
from dynamics.pictures.animation.sheet_legend import legend_entries
from dynamics.pictures.animation.sheet_words import lines_over_planes, words_over_planes
from dynamics.pictures.density_maps import Cell
from dynamics.pictures.figure_style import Array
from dynamics.settings.catalogue.layers import BELOW, PLAIN, VIEWS, functions_for

# of pictures whose width is not given, pixels: with one plane, with more
WIDE, HIGH, WIDEST, HIGHEST = 640, 820, 960, 1080
SMALLEST = 48  # side of a plane
CRAMPED = 110  # a setting's width, below which its words are few
NARROW = 150  # of a strip
DRAWN_BELOW = functions_for(BELOW, {"strip": DrawnStrip})


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
        self.layers = layers_drawn(layers, scenes)
        self.views = views_of(self.layers)
        self.named = len(self.views) > 1 or (self.single and self.views[0] not in ("", PLAIN[0]))
        self.reach = common_reach(scenes) if "arrows" in self.layers else 1.0

        planes = len(columns) * len(self.views)  # side by side
        usual, highest = (WIDE, HIGH) if self.single and planes == 1 else (WIDEST, HIGHEST)
        self.width, self.scale = size or usual, (size or usual) / usual
        font = 18 if self.single else np.clip(WIDEST // (12 * max(planes, len(rows))), 14, 20)
        self.font = max(11, round(font * self.scale))
        self.small, self.line = max(9, self.font - 3), round(1.45 * self.font)  # lesser words; a line of words, pixels
        planes_of = [scene.plane for scene in scenes.values()]
        placings = {cell: scene.plane.placing for cell, scene in scenes.items()}
        self.several = len(set(placings.values())) > 1  # units: every setting has tick labels of its own
        self.ticks = {
            cell: [
                {tick: text_pixels(word, self.small) for tick, word in along.items()}
                for along in plane_ticks.axis_ticks(half_width, placing, planes_of)
            ]
            for cell, placing in placings.items()
        }
        self.below = self.small + 12  # tick labels and what is around them
        self.graphs: dict[Cell, list[DrawnStrip]] = {cell: [] for cell in scenes}
        for layer in (layer for layer in self.layers if layer in BELOW):
            shared = shared_limits(strip for scene in scenes.values() for strip in scene.strip)
            for cell, scene in scenes.items():
                drawn = [DRAWN_BELOW[layer](s, self.span, shared[s.label], self.small) for s in scene.strip]
                self.graphs[cell] += drawn
        self.deepest = max(map(len, self.graphs.values()))  # strips of a setting
        labels = max((graph.room for several in self.graphs.values() for graph in several), default=0)
        self.gap = max(12 if len(self.views) == 1 else 24, labels + 6)  # between settings

        # Left to right: row names, tick labels, planes.
        beside = max(word.shape[1] for _, along in self.ticks.values() for word in along.values())
        self.left = 10 + max(labels, beside)
        self.gap = max(self.gap, beside + 16 if self.several else 0)
        if any(rows):
            self.left += self.line
            longest = max(font_of(self.font, True).getlength(name) for name in rows)
            self.left += self.line if longest > self._widest() else 0  # it will take two lines
        if size and self._widest() < SMALLEST:
            raise ValueError(f"{size} pixels are too narrow for {planes} planes side by side")
        (self.title,) = headings([title], self.font, self.width - self.left - self.margin, centred=False)
        self._stack(self._widest())
        for _ in range(2 if size is None else 0):  # lower planes are narrower, and their words may take more lines
            self._stack(min(self.side, (highest - self.top - self._foot()) // len(rows) - self.beside))
        if layers is None and self.side <= LARGE:
            self.layers.remove("samples")  # in small planes they would hide the heat
        self._place(size)
        self._furnish()
        covers: dict[int, Pixels] = {}
        self.panels = {
            c: ScenePanel(s, self.layers, half_width, self.side, self.reach, covers) for c, s in scenes.items()
        }

    def _widest(self) -> int:
        """The side of planes that fill the width."""
        across, views = len(self.columns), len(self.views)
        setting = (self.width - self.left - self.margin - (across - 1) * self.gap) // across
        return (setting - (views - 1) * self.inner) // views

    def _foot(self) -> int:
        """Pixels below the lowest planes or strips."""
        return 22 + 2 * self.line + (0 if self.deepest or self.several else self.below)

    def _stack(self, side: int) -> None:
        """What takes how much room with planes of about `side`: `beside` is what of a row is not plane."""
        self.side = max(side, SMALLEST) // 2 * 2
        self.block = len(self.views) * (self.side + self.inner) - self.inner  # a setting's views side by side
        self.tops = headings(self.columns, self.font, self.block)
        self.top = 8 + len(self.title) + max(map(len, self.tops))
        self.words = words_over_planes(
            self.scenes, self.labelled, self.font - 2, self.block, cramped=self.block < CRAMPED
        )
        self.over, self.over_font = lines_over_planes(self.words, self.block, self.font - 2)
        self.head = round(1.4 * self.over_font) * len(self.over) + self.line * self.named + 10
        inside = self.width - self.left - self.margin if self.single else self.block
        apart = self.gap + 8  # from one strip to the next beside it
        self.abreast = int(np.clip((inside + apart) // (NARROW + apart), 1, max(self.deepest, 1)))
        height = int(np.clip(0.13 * inside, 44, max(44, 80 * self.scale)))
        self.strip = (inside + apart) // self.abreast - apart, height
        strips = self.below + (self.line + height + self.below) * -(-self.deepest // self.abreast)
        self.beside = self.head + (strips if self.deepest else self.below if self.several else 0)

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
        end = self.top + down * (self.side + self.beside) + (0 if self.deepest or self.several else self.below)
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
        room = length - round(font_of(self.font, True).getlength(f"{self.clock} {self.steps[-1]}")) - self.font
        entries = legend_entries(
            self.layers, self.scenes.values(), self.curves, self.shade_of, self.small, self.side, self.reach
        )
        self.key, below_step = legend_rows(entries, length, room, self.line)
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
        stamp(canvas, self.left, 6, self.title)
        stamp(canvas, *self.key_at, self.key)
        for left, word in zip(self.columns_left, self.tops, strict=True):
            stamp(canvas, left + (self.block - word.shape[1]) // 2, self.top - len(word), word)
        for top, name in zip(self.rows_top, headings(self.rows, self.font, self.side + self.head - 10), strict=True):
            word = np.rot90(name)
            stamp(canvas, 4, top + (self.side - len(word)) // 2, word)
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
            self._write(canvas, cell, "outside", moment)
            for graph in self.graphs[cell]:
                graph.mark(canvas, step)
        (left, top, length, height), (first, last) = self.bar, self.span
        progress = (step - first) / (last - first) if last > first else 1.0
        canvas[top : top + height, left : left + max(1, round(progress * length))] = BAR
        stamp(canvas, left, self.step_top, text_pixels(f"{self.clock} {step}", self.font, bold=True))
        return canvas

    def _frame_planes(self, cell: Cell) -> None:
        """Frames, names and ticks of one setting's planes."""
        (r, c), canvas, side = cell, self.canvas, self.side
        lowest = self.deepest > 0 or self.several or not any(row > r and column == c for row, column in self.scenes)
        first = self.several or not any(row == r and column < c for row, column in self.scenes)
        y, end = self.rows_top[r], self.rows_top[r] + side
        across, up = self._labels(cell)
        for view, (x, _) in zip(self.views, self.at[cell], strict=True):
            if self.named and view:
                word = text_pixels(VIEWS[view], fitting_size([VIEWS[view]], self.small + 1, side, bold=True), bold=True)
                stamp(canvas, x, y - 4 - len(word), word)
            canvas[y - 1 : end + 1, x - 1 : x + side + 1] = EDGE
            for place, word in across if lowest else ():
                canvas[end + 1 : end + 5, x + place] = EDGE
                stamp(canvas, x + place - word.shape[1] // 2, end + 5, word)
            for place, word in up if first and x == self.at[cell][0][0] else ():
                canvas[end - 1 - place, x - 5 : x - 1] = EDGE
                stamp(canvas, x - 7 - word.shape[1], end - place - len(word) // 2, word)

    def _labels(self, cell: Cell) -> list[list[tuple[int, Pixels]]]:
        """Along x and y: pixels from a plane's left or lower end, and the label, empty where it has no room."""
        scale, axes = self.side / (2 * self.half_width), self.ticks[cell]
        widest = max((word.shape[1] for along in axes for word in along.values()), default=0)
        gap = min((b - a for along in axes for a, b in itertools.pairwise(along)), default=self.half_width) * scale
        shown = [plane_ticks.labelled_ticks(list(along), gap, widest) for along in axes]
        return [
            [
                (round((tick + self.half_width) * scale), word if tick in labelled else word[:0])
                for tick, word in along.items()
            ]
            for along, labelled in zip(axes, shown, strict=True)
        ]

    def _write(self, canvas: Pixels, cell: Cell, kind: str, which: int) -> None:
        """Put words of one kind where they belong over a setting's planes."""
        text = self.words[kind][cell][which]
        for k, kinds in enumerate(self.over):
            if text and kind in kinds:
                word = text_pixels(text, self.over_font, kind == "label")[:, : self.block]
                (x, y), last = self.at[cell][0], len(kinds) > 1 and kind == kinds[-1]
                down = y - self.head + 7 + k * round(1.4 * self.over_font)
                stamp(canvas, x + (self.block - word.shape[1] if last else 0), down, word)


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
