"""Words that fit their room in inches: wrapped remarks, legends to be read line by line, labels of axes."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend_handler import HandlerTuple
from matplotlib.textpath import text_to_path

from dynamics.pictures.figure_style import STYLE, words_at


def write_remarks(figure: Figure, lines: Sequence[str]) -> None:
    """Remarks under the title, 0.17 inches a line."""
    for number, line in enumerate(lines):
        words_at(figure, 0.15, 0.6 + 0.17 * number, line, fontsize=9)


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text, inches."""
    font = FontProperties(family=STYLE["font.family"], weight=weight, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72 if text.strip() else 0.0


def wrapped_parts(parts: Sequence[str], between: str, width: float, size: float) -> list[str]:
    """Parts joined into as few lines as fit a width in inches; a part that is longer has a line to itself."""
    lines = list(parts[:1])
    for part in parts[1:]:
        longer = lines[-1] + between + part
        lines = [*lines[:-1], longer] if text_width(longer, size) <= width else [*lines, part]
    return lines


def entries_abreast(names: Sequence[str], width: float) -> int:
    """How many of a legend's entries stand side by side within a width in inches."""
    extents = [text_width(name, 10) + 0.62 for name in names]  # with the line before and the space behind it
    for across in range(len(names), 1, -1):
        if sum(max(extents[column::across]) for column in range(across)) <= width:
            return across
    return 1


def legend_above(figure: Figure, top: float, entries: Sequence[tuple[Any, str]], abreast: int) -> None:
    """A legend at the left, inches from the top, to be read line by line: legends fill columns first."""
    across = [entry for column in range(abreast) for entry in entries[column::abreast]]
    h, w = figure.get_size_inches()[::-1]
    where: Any = {"loc": "upper left", "bbox_to_anchor": (0.15 / w, 1 - top / h), "borderaxespad": 0, "borderpad": 0}
    shape: Any = {"handlelength": 2.4, "handletextpad": 0.6, "columnspacing": 1.2, "labelspacing": 0.45}
    over: Any = {tuple: HandlerTuple(ndivide=1)}
    handles, labels = [handle for handle, _ in across], [label for _, label in across]
    figure.legend(handles, labels, ncols=abreast, fontsize=10, handler_map=over, **where, **shape)


def label_left(axes: Axes, label: str, wide: float, tall: float) -> None:
    """A y label on axes of a size in inches: clear of the ticks, its unit on a line of its own if it is long."""
    lines = [label] if text_width(label, 10) <= tall else label.replace(", ", ",\n").split("\n")
    lines = [part for line in lines for part in wrapped_parts(line.split(), " ", tall, 10)]
    axes.set_ylabel("\n".join(lines), fontsize=10)
    axes.yaxis.set_label_coords(-0.6 / wide, 0.5)
