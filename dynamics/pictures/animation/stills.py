"""Frames of one GAN that is still in training: an animation's picture, a moment at a time, as its samples come.

And a page of such frames. A frame's file says where in it the plane is, so that a page can show planes alone.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dynamics.base.files import NotARun
from dynamics.pictures.animation.frame_sheet import Sheet
from dynamics.pictures.animation.pixel_text import stamp, text_pixels
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import Plane, generated_density
from dynamics.pictures.figure_style import STYLE, Array, axes_at, new_figure, words_at
from dynamics.pictures.target_densities import real_density
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

GATHERED = 25  # samples under the smoothing where the real density is spread over its e^entropy
TO_COMPARE, TO_DRAW = 400, 15_000  # real points, the same: to see whether they are a known target's; for their contours
APART = 0.15  # integral of |known density − that of the real points| from which they are another's; chance: 0.06
CELLS = 320  # a side, that real points are counted on
WHERE = "plane"  # what a PNG says of its plane


class Still(Sheet):
    """Draws samples over a target; what stays the same in all frames is drawn once."""

    def __init__(self, mode: str, std: float | None, real: Array, count: int) -> None:
        """`real` (R, 2) are a million or so of the target's points; `count` is how many samples every frame has.

        Contour lines are those of the exact density if `mode` at `std` is one of the package's and the points agree
        with it; else those of the points' own. Raises ``ValueError`` where no real point is finite.
        """
        real = real[np.isfinite(real).all(axis=1)]
        if not len(real):
            raise ValueError(f"{mode}: no real point is finite")
        half_width = max(np.ceil(2.3 * float(np.quantile(np.abs(real[:200_000]), 0.9995))) / 2, 0.5)
        cells = generated_density(real, half_width, CELLS, 1e-6)
        share = cells[cells > 0] * (2 * half_width / CELLS) ** 2
        area = float(np.exp(-(share * np.log(cells[cells > 0])).sum()))  # e^entropy

        def bandwidth(gathered: int, points: int) -> float:
            return float(np.sqrt(gathered * area / (4 * np.pi * points)))

        density = known_density(mode, std, half_width)
        if density is not None:
            seen = generated_density(real, half_width, len(density), bandwidth(TO_COMPARE, len(real)))
            if np.abs(seen - density).sum() * (2 * half_width / len(density)) ** 2 > APART:
                density = None
        if density is None:
            density = generated_density(real, half_width, CELLS, bandwidth(TO_DRAW, len(real)))
        title = mode if std is None else f"{mode} · std {std:g}"
        self.samples = np.zeros((1, count, 2), np.float32)
        self.note = ["100 % outside"]  # the longest, while places are found
        scene = Scene(Plane(title, density, self.samples, self.note, bandwidth(GATHERED, count)))
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
        stamp(canvas, self.left, self.step_top, text_pixels(f"step {step}", self.font, bold=True))
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


def known_density(mode: str, std: float | None, half_width: float) -> Array | None:
    """The exact density (R, R) of a mode, None where it is not one of the package's."""
    try:
        return real_density(Setting(mode=mode, std=std), half_width)
    except (ValueError, OptionError, NotARun):
        return None


@matplotlib.rc_context(STYLE)
def page_figure(frames: Sequence[tuple[int, Path]], columns: int, rows: int, size: tuple[float, float]) -> Figure:
    """A page, `size` inches, of frames (step, file): their planes, or of other programs' frames the whole pictures."""
    (wide, high), left, top, head = size, 0.55, 0.5, 0.3
    side = max(min((wide - left - 0.15) / columns - 0.12, (high - top - 0.6) / rows - head), 0.1)
    apart = (wide - left - 0.15 - side) / (columns - 1) if columns > 1 else 0.0
    figure = new_figure(wide, high, "Generated points during training")
    ours = False
    for place, (step, file) in enumerate(frames):
        row, column = divmod(place, columns)
        axes = axes_at(figure, left + column * apart, top + row * (side + head) + head, side, side)
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
