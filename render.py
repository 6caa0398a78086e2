"""A run's pictures, from what the run stored: no training.

Pictures are independent tasks for the workers. A task carries the arrays that it draws, so a worker needs neither the
run folder's archives nor torch; the targets' densities are evaluated here, once per target and plane.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results import Results, setting_labels, setting_names
from settings import Setting
from workers import TaskError, run_tasks

MOMENTS = 10  # of the printed plate
SECONDS = 5  # that an animation takes, within what is pleasant to watch, before its last frame is held
COMPARED = ("modes_covered", "high_quality", "jsd")  # scores that comparison.png shows
# their axes' labels
AXES = {"modes_covered": "modes", "high_quality": "share of samples", "jsd": "nats"}


@dataclass(frozen=True)
class Picture:
    """One file to draw: `function` of plotting or animation, and its arguments; `path` as the run folder has it."""

    path: str
    function: str
    arguments: dict[str, Any]


class DrawingError(Exception):
    """A picture that could not be drawn or written."""


def render(
    results: Results, folder: Path, workers: int, progress: Callable[[float], None] = lambda amount: None
) -> None:
    """Draw every picture of a run into its folder; `progress` is told pictures done. Raises `DrawingError`."""
    pictures = plan(results)
    for picture in pictures:
        (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
    tasks = [(str(folder / picture.path), picture) for picture in pictures]
    for index, outcome in run_tasks(draw, tasks, workers, progress):
        if isinstance(outcome, TaskError):
            raise DrawingError(f"{tasks[index][0]}: {outcome}")


def _fps(results: Results) -> float:
    return float(np.clip((len(results.frame_steps) - 1) / SECONDS, 4, 20))


def count(results: Results) -> int:
    """Number of pictures that `render` draws."""
    still = 2 * len(results.study.settings) + 1
    return still + len(results.study.settings) + 1 if _moves(results) else still


def _moves(results: Results) -> bool:
    return len(results.frame_steps) > 1


def draw(task: tuple[str, Picture], report: Callable[[float], None]) -> None:
    """Draw one picture: the function that workers run."""
    import animation
    import plotting

    path, picture = task
    if picture.function == "density_gif":
        animation.density_gif(path, **picture.arguments)
    else:
        plotting.save(getattr(plotting, picture.function)(**picture.arguments), path)
    report(1)


def plan(results: Results) -> list[Picture]:
    """Every picture of a run, the longest to draw first."""
    from losses import LOSSES

    study = results.study
    names = setting_names(study.settings)
    pictures = _comparison(results)
    for index, (setting, name) in enumerate(zip(study.settings, names, strict=True)):
        label = " · ".join(setting_labels(study.settings)[index])
        loss, members = LOSSES[setting.loss], results.of_setting(index)
        half_width = _target(setting).half_width
        plane = functools.partial(_plane, results, index, half_width, label)
        steps = results.frame_steps
        if _moves(results):
            everything = np.arange(len(steps))
            pictures.append(
                Picture(
                    f"{name}/density.gif",
                    "density_gif",
                    {
                        "planes": {(0, 0): plane(everything)},
                        "rows": [""],
                        "columns": [""],
                        "half_width": half_width,
                        "steps": steps,
                        "fps": _fps(results),
                    },
                )
            )
        few = _moments(len(steps))
        pictures.append(
            Picture(
                f"{name}/frames.png",
                "frames_figure",
                {"plane": plane(few), "half_width": half_width, "steps": steps[few]},
            )
        )
        values = {"D": loss.equilibrium[0], "G": loss.equilibrium[1]}
        pictures.append(
            Picture(
                f"{name}/losses.png",
                "losses_figure",
                {
                    "title": label,
                    "steps": results.curve_steps,
                    **{curve: results.curves[curve][members] for curve in results.curves},
                    "equilibrium": {player: value for player, value in values.items() if value is not None},
                    "ylabel": f"loss ({loss.unit})",
                },
            )
        )
    return pictures


def grid(settings: Sequence[Setting]) -> tuple[list[str], list[str], dict[int, tuple[int, int]]]:
    """Row labels, column labels, and the (row, column) of each setting: targets down, everything else across."""
    labels = setting_labels(settings)
    rows = list(dict.fromkeys(row for row, _ in labels))
    columns = list(dict.fromkeys(column for _, column in labels))
    return rows, columns, {i: (rows.index(r), columns.index(c)) for i, (r, c) in enumerate(labels)}


def _comparison(results: Results) -> list[Picture]:
    from plotting import Score

    rows, columns, cells = grid(results.study.settings)
    half_width = max(_target(s).half_width for s in results.study.settings)
    everything = np.arange(len(results.frame_steps))
    labels = setting_labels(results.study.settings)
    planes = {
        cell: _plane(results, index, half_width, " · ".join(labels[index]), everything) for index, cell in cells.items()
    }
    shared = {"planes": planes, "rows": rows, "columns": columns, "half_width": half_width}
    scores = []
    for name in COMPARED:
        # a score that a setting's target cannot have, or that no seed of it has, is left out
        has = {
            cell: i
            for i, cell in cells.items()
            if results.estimate(name, i).n and np.isfinite(results.null[i][name][0])
        }
        if has:
            estimates = {cell: results.estimate(name, i) for cell, i in has.items()}
            scores.append(
                Score(
                    name=_words(name),
                    label=AXES[name],
                    values={cell: results.final(name, i) for cell, i in has.items()},
                    mean={cell: e.value for cell, e in estimates.items()},
                    low={cell: e.low for cell, e in estimates.items()},
                    high={cell: e.high for cell, e in estimates.items()},
                    null={cell: results.null[i][name][0] for cell, i in has.items()},
                )
            )
    pictures = [Picture("comparison.png", "comparison_figure", {**shared, "scores": scores})]
    if _moves(results):
        pictures.insert(
            0, Picture("comparison.gif", "density_gif", {**shared, "steps": results.frame_steps, "fps": _fps(results)})
        )
    return pictures


def _words(name: str) -> str:
    return {"modes_covered": "modes covered", "high_quality": "high quality", "jsd": "JSD"}[name]


def _moments(count: int) -> np.ndarray:
    """The start and `MOMENTS` − 1 more of the stored frames, denser where training is young: GANs decide early."""
    if count <= MOMENTS:
        return np.arange(count)
    even = np.linspace(0, 1, MOMENTS)
    return np.unique(np.round((count - 1) * even**1.6).astype(int))


def _plane(results: Results, index: int, half_width: float, title: str, frames: np.ndarray) -> Any:
    from plotting import Plane

    member = results.median_member(index)
    density = _density(results.study.settings[index], half_width)
    # the last snapshot at or before a frame has its scores
    at = np.searchsorted(results.snapshot_steps, results.frame_steps[frames], side="right") - 1
    modes = results.modes[index]
    notes = []
    for covered, jsd in zip(
        results.scores["modes_covered"][member, at], results.scores["jsd"][member, at], strict=True
    ):
        if not np.isfinite(jsd):
            notes.append("not finite")
        elif modes and modes > 1:
            notes.append(f"{covered:.0f} of {modes} modes")
        else:
            notes.append(f"JSD {jsd:.2f} nats")
    samples = results.samples[frames, member].astype(np.float32)
    return Plane(title, density, samples, notes, _bandwidth(density, half_width, samples.shape[1]))


def _bandwidth(density: np.ndarray, half_width: float, n: int) -> float:
    """Smoothing for n samples: wide enough to gather 25 of them where the target is spread over its e^entropy."""
    cell = (2 * half_width / len(density)) ** 2
    if not density.sum() > 0:  # modes far narrower than a cell, on a plane made for a far wider target
        return float(np.sqrt(cell))
    mass = density / density.sum()
    mass = mass[mass > 0]
    area = float(np.exp(-(mass * np.log(mass / cell)).sum()))
    return float(np.sqrt(25 * area / (4 * np.pi * n)))


@functools.lru_cache(maxsize=64)
def _density(setting: Setting, half_width: float) -> np.ndarray:
    """The real density (R, R) on cell centres, cells no larger than the target's std where 480 a side allow it."""
    import torch

    from plotting import grid_points

    target = _target(setting)
    resolution = int(np.clip(np.ceil(2 * half_width / target.std), 160, 480))
    with torch.no_grad():
        return target.log_prob(torch.from_numpy(grid_points(half_width, resolution))).exp().numpy()


def _target(setting: Setting) -> Any:
    from sample import make_target

    return make_target(setting.mode, setting.std)
