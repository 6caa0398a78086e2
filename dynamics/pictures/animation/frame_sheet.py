"""The sheet that every frame of an animation is drawn on: where everything stands, and what stays the same."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dynamics.pictures import density_maps, plane_ticks
from dynamics.pictures.animation.curve_strips import DrawnStrip, shared_limits
from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import (
    BAR,
    BELIEF,
    CURVES,
    EDGE,
    ERROR,
    HEATS,
    LINE,
    POINT,
    SHADES,
    SIDES,
    TRACK,
    UNDETERMINED,
    palette,
)
from dynamics.pictures.animation.pixel_text import (
    blank,
    fitting,
    flowed,
    font_of,
    headings,
    line_sample,
    number,
    stamp,
    written,
)
from dynamics.pictures.animation.pull_arrows import arrow_sample, common_reach
from dynamics.pictures.animation.scene_layers import LAYERS, NEEDS, VIEWS, Scene, views_of
from dynamics.pictures.animation.scene_panel import FULL_ERROR, LARGE, ScenePanel
from dynamics.pictures.density_maps import Cell
from dynamics.pictures.figure_style import Array

# of pictures whose width is not given, pixels: with one plane, with more
WIDE, HIGH, WIDEST, HIGHEST = 640, 820, 960, 1080
SMALLEST = 48  # side of a plane
CRAMPED = 110  # a setting's width, below which its words are few
NARROW = 150  # of a strip


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
        self.named = len(self.views) > 1 or (self.single and self.views[0] not in ("", "density"))
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
                {tick: written(word, self.small) for tick, word in along.items()}
                for along in plane_ticks.axis_ticks(half_width, placing, planes_of)
            ]
            for cell, placing in placings.items()
        }
        self.below = self.small + 12  # tick labels and what is around them
        self.graphs: dict[Cell, list[DrawnStrip]] = {cell: [] for cell in scenes}
        if "strip" in self.layers:
            shared = shared_limits(strip for scene in scenes.values() for strip in scene.strip)
            for cell, scene in scenes.items():
                self.graphs[cell] = [DrawnStrip(s, self.span, shared[s.label], self.small) for s in scene.strip]
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
        self.words = self._words(self.block < CRAMPED)
        self.over, self.over_font = _over(self.words, self.block, self.font - 2)
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
        self.key, below_step = flowed(self._key(), length, room, self.line)
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
        stamp(canvas, left, self.step_top, written(f"{self.clock} {step}", self.font, bold=True))
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
                word = written(VIEWS[view], fitting([VIEWS[view]], self.small + 1, side, bold=True), bold=True)
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

    def _words(self, cramped: bool) -> dict[str, dict[Cell, Sequence[str]]]:
        """The kinds of words over the planes, and what each cell has of them.

        Those that whole notes do not fit have only what is brief, if need be on two lines; small planes have only what
        is said of samples outside.
        """
        ending = "{}" if cramped else "ends: {}"
        scenes = self.scenes.items()
        size = max(9, round(0.8 * (self.font - 2)))
        notes: dict[Cell, Sequence[str]] = {c: s.plane.notes for c, s in scenes}
        outside: dict[Cell, Sequence[str]] = {c: [""] * len(several) for c, several in notes.items()}

        def fit() -> bool:
            return fitting([note for several in notes.values() for note in set(several)], size, self.block) == size

        if not fit():
            notes = {c: [density_maps.brief_note(note) for note in several] for c, several in notes.items()}
        if cramped or not fit():
            parts = {c: [note.split(", ") for note in several] for c, several in notes.items()}
            outside = {c: [_outside(p if cramped else p[1:], cramped) for p in several] for c, several in parts.items()}
            notes = {c: ["" if cramped else p[0] for p in several] for c, several in parts.items()}
        return {
            "label": {c: [s.plane.title if self.labelled else ""] for c, s in scenes},
            "note": notes,
            "outside": outside,
            "verdict": {c: [ending.format(s.verdict) if s.verdict else ""] for c, s in scenes},
        }

    def _write(self, canvas: Pixels, cell: Cell, kind: str, which: int) -> None:
        """Put words of one kind where they belong over a setting's planes."""
        text = self.words[kind][cell][which]
        for k, kinds in enumerate(self.over):
            if text and kind in kinds:
                word = written(text, self.over_font, kind == "label")[:, : self.block]
                (x, y), last = self.at[cell][0], len(kinds) > 1 and kind == kinds[-1]
                down = y - self.head + 7 + k * round(1.4 * self.over_font)
                stamp(canvas, x + (self.block - word.shape[1] if last else 0), down, word)

    def _key(self) -> list[Pixels]:
        """The legend's entries, each a sample and its words, all of one height."""
        layers, scenes = self.layers, self.scenes.values()
        tall = len(written(" ", self.small))
        middle = tall // 2

        def ramp(first: int, levels: int, each: int) -> Pixels:
            bar = np.zeros((tall, levels * each), np.uint8)
            bar[3:-3] = (first + np.arange(levels, dtype=np.uint8)).repeat(each)
            return bar

        def entry(*parts: Pixels | str) -> Pixels:
            drawn = [written(part, self.small) if isinstance(part, str) else part for part in parts]
            return np.hstack([piece for part in drawn for piece in (part, blank(part, 6))][:-1])

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
            entries.append(entry(arrow_sample(self.side, tall), f"D's pull, {number(self.reach)} per unit or more"))
        for name, colour in self.curves:
            entries.append(entry(line_sample(tall, self.shade_of[colour]), name))
        return entries


def layers_drawn(layers: Sequence[str] | None, scenes: Mapping[Cell, Scene]) -> list[str]:
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


def _outside(parts: Sequence[str], cramped: bool) -> str:
    """What a note's parts say of samples outside the picture, in a few letters if `cramped`."""
    words = next((part for part in parts if part.endswith(density_maps.OUTSIDE)), "")
    return words.replace("outside", "out").replace("out of view", "all out") if cramped else words


def _over(words: Mapping[str, Mapping[Cell, Sequence[str]]], room: int, font: int) -> tuple[list[tuple[str, ...]], int]:
    """The lines of words over the planes, each one or two kinds of words, and their font size.

    `words[kind][cell]` are all that are ever shown there. Two kinds share a line where at no less than 4/5 of the
    wanted size both have room in every cell, and so have all others. The note comes last: what changes is to be near
    the plane.
    """
    longest = {
        kind: {cell: max(dict.fromkeys(several), key=font_of(font, False).getlength) for cell, several in cells.items()}
        for kind, cells in words.items()
    }
    kinds = [kind for kind in longest if any(longest[kind].values())]  # label, note, outside, verdict
    lines: list[tuple[str, ...]] = [(kind,) for kind in ("label", "verdict", "note", "outside") if kind in kinds]
    if len(kinds) > 1:
        a, b = kinds[0], kinds[-1]
        alone = [text for kind in kinds if kind not in (a, b) for text in longest[kind].values()]
        for size in range(font, max(9, round(0.8 * font)) - 1, -1):
            bold, plain = font_of(size, a == "label").getlength, font_of(size, False).getlength
            fits = all(bold(longest[a][cell]) + plain(longest[b][cell]) + size <= room for cell in longest[a])
            if fits and all(plain(text) <= room for text in alone):
                return [(a, b), *(line for line in lines if line[0] not in (a, b))], size
    sizes = [fitting(list(longest[kind].values()), font, room, kind == "label") for kind in kinds]
    return lines, min(sizes, default=font)
