"""An animation as a folder of PNGs, which LaTeX's `animate` package takes: its writer, its files, its line of LaTeX."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from PIL import Image

from dynamics.base.files import atomic
from dynamics.pictures.animation.frame_writer import FrameWriter, Pixels

TIMELINE = "timeline.txt"  # beside PNGs
MOST_TIMELINE = 2**20  # bytes of it that are read: of 100 000 frames


class PngWriter(FrameWriter):
    """A folder of PNGs, 0000.png and on without gaps, and timeline.txt: what LaTeX's `animate` package takes.

    The timeline says how long each frame stands; `animate_line` gives the line to paste. Frames of an earlier
    sequence in the folder that this one does not have are removed; other files stay.
    """

    largest = 2**31 - 1

    def _place(self, stack: contextlib.ExitStack) -> Path:
        self.path.mkdir(exist_ok=True)
        stack.push(self._tidy)
        return self.path

    def _tidy(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        """Once every frame has its name, or none."""
        if kind is not None:
            with contextlib.suppress(OSError):  # it is not empty
                self.path.rmdir()
            return
        number = self.count
        while (old := self.path / _numbered(number)).is_file():
            old.unlink()
            number += 1

    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        return

    def _add(self, indices: Pixels) -> None:
        assert self._open is not None
        image = Image.fromarray(indices)
        image.putpalette(self.palette.tobytes())
        image.save(self._open.enter_context(atomic(self.path / _numbered(self.count))))

    def _end(self) -> None:
        rates = [f"{float(1 / self.delay):.6g}", *[""] * (self.count - 1)]  # each holds until the next
        rates[-1] = f"{float(1 / self.hold):.6g}"
        lines = [f":{rate}:{number}\n" for number, rate in enumerate(rates)]
        with atomic(self.path / TIMELINE) as temporary:
            temporary.write_text("".join(lines), encoding="ascii")


def _numbered(number: int) -> str:
    return f"{number:04d}.png"


def sequence_files(count: int) -> list[str]:
    """The files of a folder that holds a sequence of so many frames."""
    return [*map(_numbered, range(count)), TIMELINE]


def animate_line(folder: Path, called: str) -> str | None:
    """The line of LaTeX, with its `animate` package, that shows a sequence of PNGs; None where a folder holds none.

    `called` is the folder's name for LaTeX.
    """
    try:
        with open(folder / TIMELINE, encoding="ascii") as file:
            lines = file.read(MOST_TIMELINE).splitlines()
    except (OSError, ValueError):
        return None
    rate = re.fullmatch(r":(\d[\d.]*):0", lines[0]) if lines else None
    if rate is None or not (folder / _numbered(len(lines) - 1)).is_file():
        return None
    options = f"width=\\linewidth,loop,autoplay,controls,poster=last,timeline={called}/{TIMELINE}"
    return f"\\animategraphics[{options}]{{{rate[1]}}}{{{called}/}}{{0000}}{{{len(lines) - 1:04d}}}"
