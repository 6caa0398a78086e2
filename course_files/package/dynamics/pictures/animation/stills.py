"""Frames of one GAN that is still in training: an animation's picture, a moment at a time, as its samples come.

And a page of such frames. A frame's file says where in it the plane is, so that a page can show planes alone.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from dynamics.pictures.animation.animations import Sheet
from dynamics.pictures.animation.panels import Scene
from dynamics.pictures.figures import STYLE, Array, axes_at, new_figure, words_at
from dynamics.pictures.palette import stamp, written
from dynamics.pictures.plates import Plane, generated_density
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

GATHERED = 25  # samples under the smoothing where the real density is spread over its e^entropy
STEADY = 10_000  # real points, the same: contour lines of fewer are seen to waver
WHERE = "plane"  # what a PNG says of its plane
CELLS = 320  # a side, that real points are counted on


class Still(Sheet):
    """Draws samples over a target that is known by many points of its own; what stays the same is drawn once."""

    def __init__(self, title: str, real: Array, count: int) -> None:
        """`real` (R, 2): the more, the smoother its contour lines; `count` is how many samples every frame has.

        Raises ``ValueError`` where no real point is finite.
        """
        real = real[np.isfinite(real).all(axis=1)].astype(float)
        if not len(real):
            raise ValueError("no real point is finite")
        reach = float(np.quantile(np.abs(real), 0.9995))
        half_width = max(np.ceil(2.2 * reach) / 2, 0.5)
        cell = 2 * half_width / CELLS
        mass = generated_density(real, half_width, CELLS, cell) * cell**2
        mass = mass[mass > 0]
        area = float(np.exp(-(mass * np.log(mass / cell**2)).sum()))
        steady, gathered = (
            float(np.sqrt(k * area / (4 * np.pi * n))) for k, n in ((STEADY, len(real)), (GATHERED, count))
        )
        density = generated_density(real, half_width, CELLS, steady)
        self.samples = np.zeros((1, count, 2), np.float32)
        self.note = ["100 % outside"]  # the longest, while places are found
        scene = Scene(Plane(title, density, self.samples, self.note, gathered))
        layers = ["density", "contours", "samples"]
        super().__init__({(0, 0): scene}, [""], [""], half_width, [1_000_000], layers)
        left, top, length, height = self.bar
        self.canvas[top : top + height, left : left + length] = 0  # nobody knows yet how long training will take

    def save(self, path: Path, samples: Array, step: int) -> None:
        """Write the frame of samples (count, 2) at a step as a PNG; nan and inf stay out of it."""
        if samples.shape != self.samples.shape[1:]:
            raise ValueError(f"samples must be {self.samples.shape[1:]}, not {samples.shape}")
        self.samples[0] = samples
        self.note[0] = self._note_of(samples)
        canvas, (x, y) = self.canvas.copy(), self.at[0, 0][0]
        canvas[y : y + self.side, x : x + self.side] = self.panels[0, 0].draw(0)[0]
        self._write(canvas, (0, 0), "note", 0)
        stamp(canvas, self.left, self.step_top, written(f"step {step}", self.font, bold=True))
        picture, about = Image.fromarray(canvas), PngInfo()
        picture.putpalette(self.palette.tobytes())
        about.add_text(WHERE, f"{x} {y} {self.side} {self.half_width}")  # left, top, side; half of it in data units
        picture.save(path, pnginfo=about, compress_level=1)

    def _note_of(self, samples: Array) -> str:
        finite = np.isfinite(samples).all(axis=1)
        if not finite.all():
            return f"{100 * (1 - finite.mean()):.0f} % not finite"
        outside = 1 - float((np.abs(samples) < self.half_width).all(axis=1).mean())
        return f"{100 * outside:.0f} % outside" if outside >= 0.01 else ""


@matplotlib.rc_context(STYLE)
def page_figure(frames: Sequence[tuple[int, Path]], columns: int, rows: int, size: tuple[float, float]) -> Figure:
    """A page, `size` inches, of frames (step, file): their planes, or of other programs' frames the whole pictures."""
    (wide, high), top, gap, head = size, 0.6, 0.12, 0.32
    side = max(min((wide - 0.8) / columns - gap, (high - top - 0.75) / rows - head), 0.1)
    left = (wide - columns * (side + gap) + 0.35) / 2
    figure = new_figure(wide, high, "Generated points during training")
    ours = False
    for place, (step, file) in enumerate(frames):
        row, column = divmod(place, columns)
        axes = axes_at(figure, left + column * (side + gap), top + row * (side + head) + head, side, side)
        axes.set_title(f"step {step}", loc="left", fontsize=11, pad=4)
        with Image.open(file) as picture:
            where, pixels = picture.info.get(WHERE), picture.convert("RGB")
        if where is None:
            axes.imshow(pixels)
            axes.set_axis_off()
            continue
        ours = True
        x, y, length, reach = (float(number) for number in where.split())
        axes.imshow(pixels.crop((int(x), int(y), int(x + length), int(y + length))), extent=(-reach, reach) * 2)
        axes.locator_params(nbins=5)
        axes.tick_params(length=2.5, labelsize=9, labelleft=column == 0, labelbottom=place + columns >= len(frames))
    if ours:
        words_at(figure, left, high - 0.15, "black lines: real density · red: generated", fontsize=9)
    return figure
