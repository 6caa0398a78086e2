"""A table for a terminal: columns as wide as their widest cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_NO_TITLES: Mapping[int, str] = {}


def aligned(lines: Sequence[Sequence[str]], titles: Mapping[int, str] = _NO_TITLES) -> str:
    """The lines' cells in columns, two spaces apart; every line has as many cells.

    `titles`: number of a line -> what stands above it, across all columns. No line ends in spaces.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    printed = []
    for number, line in enumerate(lines):
        if number in titles:
            printed.append(titles[number])
        printed.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return "\n".join(printed)
