"""Draw docs/house.png: which package imports which, counted in files, from the sources themselves.

python docs/draw_house.py
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("base", "settings", "targets", "games", "engine", "measures", "store", "runner", "pictures", "reports"),
    *("theory", "experiments", "workflow", "cli"),
)


def package_of(module: str) -> str:
    """The package that a module belongs to; "" where it is none of the project's."""
    first, *rest = module.split(".")
    name = first if first == "experiments" else rest[0] if first == "dynamics" and rest else ""
    return "workflow" if name == "studies" else name


def imports() -> np.ndarray:
    """(N, N): in how many files of each package another one is imported."""
    counts = np.zeros((len(PACKAGES), len(PACKAGES)), int)
    for folder in ("dynamics", "experiments"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            package = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            names = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
            names += [f"{n.module}.{a.name}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names]
            used = {package_of(name) for name in names} - {package}
            for other in used & set(PACKAGES):
                if package in PACKAGES:
                    counts[PACKAGES.index(package), PACKAGES.index(other)] += 1
    return counts


def main() -> None:
    counts = imports()
    size = len(PACKAGES)
    figure = Figure(figsize=(7.2, 6.0), dpi=150)
    axes = figure.add_axes((0.16, 0.02, 0.82, 0.84))
    for row in range(size):
        for column in range(row + 1):
            axes.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5),
                    1,
                    1,
                    facecolor="#f2f4f7" if column < row else "#d5dbe3",
                    edgecolor="white",
                )
            )
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, color="#1b3a5c")
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xticks(range(size), PACKAGES, rotation=40, ha="left")
    axes.set_yticks(range(size), PACKAGES)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    words = "files of the row's package\nthat import the column's.\nNothing is above the diagonal:\nimports point down."
    axes.text(size - 0.6, 1.2, words, ha="right", va="center", fontsize=9, color="#44505c")
    figure.savefig(ROOT / "docs" / "house.png")


if __name__ == "__main__":
    main()
