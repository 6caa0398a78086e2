"""Planned pictures drawn into a run's folder: no training.

Pictures are independent tasks for the workers. A task carries what it draws, so a worker needs none of the run folder's
archives, and torch only for the layers that show D or G themselves. It does without SciPy as well, which takes longer
to import than most pictures to draw.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dynamics.base.executors import Executor
from dynamics.base.tasks import TaskError
from dynamics.pictures.member_scenes import scene

FIGURES = {  # what draws a figure -> the module of this package that holds it, imported when one is drawn
    "losses_figure": "losses_over_training",
    "curves_figure": "settings_over_training",
    "scores_figure": "scores_over_training",
    "frames_figure": "moments_figure",
    "comparison_figure": "comparison_figures",
    "forest_figure": "comparison_figures",
    "panels_figure": "interval_panels",
    "travels_figure": "sample_travels",
    "multipliers_figure": "multipliers_and_periods",
    "periods_figure": "multipliers_and_periods",
}


class PictureTask(NamedTuple):
    """A file to draw: `function` of `FIGURES` or "animate", its arguments; `path` as the run folder has it.

    A path without a suffix is a folder of an animation's frames.
    """

    path: str
    function: str
    arguments: dict[str, Any]

    @property
    def files(self) -> list[str]:
        """What it will come to, as the run folder has it."""
        from dynamics.pictures.animation.png_sequence import sequence_files

        if Path(self.path).suffix:
            return [self.path]
        return [f"{self.path}/{name}" for name in sequence_files(len(self.arguments["steps"]))]


class DrawingError(Exception):
    """A picture that could not be drawn or written."""


def render(
    pictures: Sequence[PictureTask],
    folder: Path,
    executor: Executor,
    progress: Callable[[float], None] = lambda amount: None,
) -> None:
    """Draw pictures into a run's folder; `progress` is told pictures done. Raises `DrawingError`."""
    for picture in pictures:
        (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
    tasks = [(str(folder / picture.path), picture) for picture in pictures]
    for index, outcome in executor.run(draw, tasks, progress):
        if isinstance(outcome, TaskError):
            raise DrawingError(f"{tasks[index][0]}: {outcome}")


def draw(task: tuple[str, PictureTask], report: Callable[[float], None]) -> None:
    """Draw one picture: the function that workers run."""
    from dynamics.pictures import figure_files
    from dynamics.pictures.animation import animated_settings

    path, picture = task
    if picture.function == "animate":
        layers = picture.arguments["layers"]
        scenes = {cell: scene(sketched, layers) for cell, sketched in picture.arguments["scenes"].items()}
        animated_settings.animate(path, **{**picture.arguments, "scenes": scenes})
    else:
        figure_files.save(_drawing(picture.function)(**picture.arguments), path)
    report(1)


def _drawing(function: str) -> Callable[..., Any]:
    module = importlib.import_module(f"dynamics.pictures.{FIGURES[function]}")
    drawing: Callable[..., Any] = getattr(module, function)
    return drawing
