"""A run's pictures, from what the run stored: no training.

Pictures are independent tasks for the workers. A task carries the arrays that it draws, so a worker needs neither the
run folder's archives nor torch; the targets' densities are evaluated here, once per target and plane.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from budget import updates
from results import Results, target_name
from settings import Setting
from workers import TaskError, run_tasks

MOMENTS = 10  # of the printed plate
SECONDS = 5  # that an animation takes, within what is pleasant to watch, before its last frame is held
COMPARED = ("modes_covered", "high_quality", "jsd")  # scores that comparison.png shows
# their axes' labels
AXES = {"modes_covered": "modes", "high_quality": "share of samples", "jsd": "nats"}
UNITS = {"modes_covered": "", "high_quality": "", "jsd": ", nats"}


class Picture(NamedTuple):
    """One file to draw: `function` of plotting or animation, and its arguments; `path` as the run folder has it."""

    path: str
    function: str
    arguments: dict[str, Any]


class DrawingError(Exception):
    """A picture that could not be drawn or written."""


def render(
    pictures: Sequence[Picture], folder: Path, workers: int, progress: Callable[[float], None] = lambda amount: None
) -> None:
    """Draw pictures into a run's folder; `progress` is told pictures done. Raises `DrawingError`."""
    for picture in pictures:
        (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
    tasks = [(str(folder / picture.path), picture) for picture in pictures]
    for index, outcome in run_tasks(draw, tasks, workers, progress):
        if isinstance(outcome, TaskError):
            raise DrawingError(f"{tasks[index][0]}: {outcome}")


def _fps(results: Results) -> float:
    return float(np.clip((results.frame_steps.shape[1] - 1) / SECONDS, 4, 20))


def _moves(results: Results) -> bool:
    return results.frame_steps.shape[1] > 1


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
    pictures = _comparison(results)
    for index, name in enumerate(results.names):
        pictures += [picture._replace(path=f"{name}/{picture.path}") for picture in _of_setting(results, index)]
    pictures += _curves([(results, index) for index in range(len(results.names))], results.targets)
    return _in_formats(pictures, results.study.formats)


def plan_joint(joint: Results, sources: Sequence[tuple[Results, int]]) -> list[Picture]:
    """The pictures of several runs beside one another: `sources[i]` is where setting i of `joint` comes from."""
    pictures = [*_comparison(joint), *_curves(sources, joint.targets, [column for _, column in joint.labels])]
    return _in_formats(pictures, joint.study.formats)


def _in_formats(pictures: Sequence[Picture], formats: Sequence[str]) -> list[Picture]:
    """The same figures in every format, what comes in one alone as it is."""
    return [
        picture._replace(path=picture.path.removesuffix("png") + suffix)
        for picture in pictures
        for suffix in (formats if picture.path.endswith(".png") else [""])
    ]


def _of_setting(results: Results, index: int) -> list[Picture]:
    """The pictures in a setting's own folder."""
    from losses import LOSSES

    setting = results.study.settings[index]
    label = " · ".join(results.labels[index])
    loss, members = LOSSES[setting.loss], results.of_setting(index)
    half_width = _target(setting).half_width
    plane = functools.partial(_plane, results, index, half_width, label)
    steps, pictures = results.frame_steps[index], []
    if _moves(results):
        everything = np.arange(len(steps))
        moving = {
            "planes": {(0, 0): plane(everything)},
            "rows": [""],
            "columns": [""],
            "half_width": half_width,
            "steps": steps,
            "fps": _fps(results),
        }
        pictures.append(Picture("density.gif", "density_gif", moving))
    few = _moments(len(steps))
    moments = {"plane": plane(few), "half_width": half_width, "steps": steps[few]}
    pictures.append(Picture("frames.png", "frames_figure", moments))
    values = {"D": loss.equilibrium[0], "G": loss.equilibrium[1]}
    losses = {
        "title": label,
        "steps": results.curve_steps[index],
        **{curve: values[members] for curve, values in results.curves.items()},
        "equilibrium": {player: value for player, value in values.items() if value is not None},
        "ylabel": f"loss ({loss.unit})",
    }
    pictures.append(Picture("losses.png", "losses_figure", losses))
    if panels := _panels({n: v[members] for n, v in results.scores.items()}, loss.unit):
        scores = {"title": label, "steps": results.snapshot_steps[index], "panels": panels}
        pictures.append(Picture("scores.png", "scores_figure", scores))
    return pictures


def _panels(scores: Mapping[str, np.ndarray], unit: str) -> list[Any]:
    """What scores.png shows of a setting's scores (seeds, S): those that are measured on request."""
    from colours import COLUMNS, GENERATED, D, G
    from plotting import Line, Panel

    if "g_loss_optimal" in scores:
        scores = {**scores, "g_loss": scores["g_loss_optimal"] + scores["g_loss_gap"]}
    panels: dict[str, list[tuple[str, str, str]]] = {  # what the axis shows -> scores, their names and colours
        f"loss of G, {unit}": [
            ("g_loss", "G's loss", G),
            ("g_loss_optimal", "against the best D", GENERATED),
            ("g_loss_gap", "owed to D", D),
        ],
        f"critic gap, {unit}": [("critic_gap", "D's loss less the best D's", D)],
        "slope of D, per data unit": [("d_slope", "mean at samples", D), ("d_slope_max", "largest", COLUMNS[0])],
        "agreement of D": [("d_angle", "cosine between the slopes of D and of the best D", D)],
        "gradient's norm": [("d_gradient", "D's loss", D), ("g_gradient", "G's loss", G)],
        "Wasserstein-2, data units": [
            ("w2", "exact, 256 samples", GENERATED),
            ("sliced_w2", "sliced, all samples", COLUMNS[1]),
        ],
    }
    found = []
    for label, lines in panels.items():
        known = [
            Line(words, scores[name], colour)
            for name, words, colour in lines
            if np.isfinite(scores.get(name, np.nan)).any()
        ]
        if known:
            found.append(Panel(label, known))
    return found


def _curves(
    sources: Sequence[tuple[Results, int]], targets: Mapping[str, list[int]], names: Sequence[str] = ()
) -> list[Picture]:
    """A figure per target of its settings' scores against steps, updates and seconds; `sources[i]` holds setting i."""
    from plotting import Clock, Track

    pictures = []
    for target, indices in targets.items():
        settings = [results.study.settings[own] for results, own in (sources[i] for i in indices)]
        steps = [sources[i][0].snapshot_steps[sources[i][1]] for i in indices]
        if min(map(len, steps)) < 2:
            continue
        seconds = [sources[i][0].seconds[sources[i][1]] for i in indices]
        device = {sources[i][0].study.device for i in indices}
        clocks = [
            Clock("generator steps", steps),
            Clock(
                "updates of D and G",
                [np.array([updates(s, n) for n in x]) for s, x in zip(settings, steps, strict=True)],
            ),
            Clock(
                "seconds of one core" if device == {"cpu"} else "seconds of the device",
                [x / x[-1] * whole for x, whole in zip(steps, seconds, strict=True)],
            ),
        ]
        tracks = []
        for name in COMPARED:
            values = [results.scores[name][results.of_setting(own)] for results, own in (sources[i] for i in indices)]
            results, own = sources[indices[0]]
            if np.isfinite(null := results.null[own][name]).all() and not (
                name == "modes_covered" and results.modes[own] == 1
            ):
                tracks.append(Track(f"{_words(name)}{UNITS[name]}", values, null))
        labels = [names[i] if names else sources[i][0].labels[sources[i][1]][1] for i in indices]
        how = {"title": target, "names": labels, "clocks": clocks, "tracks": tracks}
        pictures.append(Picture(f"curves-{target_name(settings[0])}.png", "curves_figure", how))
    return pictures


def grid(labels: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], dict[int, tuple[int, int]]]:
    """Row labels, column labels, and the (row, column) of each setting: targets down, everything else across."""
    rows = list(dict.fromkeys(row for row, _ in labels))
    columns = list(dict.fromkeys(column for _, column in labels))
    return rows, columns, {i: (rows.index(r), columns.index(c)) for i, (r, c) in enumerate(labels)}


def _comparison(results: Results) -> list[Picture]:
    from plotting import Score

    rows, columns, cells = grid(results.labels)
    half_width = max(_target(s).half_width for s in results.study.settings)
    everything = np.arange(results.frame_steps.shape[1])
    labels = results.labels
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
            0,
            Picture("comparison.gif", "density_gif", {**shared, "steps": results.frame_steps[0], "fps": _fps(results)}),
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
    steps = results.frame_steps[index, frames]
    at = np.searchsorted(results.snapshot_steps[index], steps, side="right") - 1
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
