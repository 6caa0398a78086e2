"""Pictures' speed and size: this engine beside the loop that people share, a fresh figure and savefig a frame."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 100
FRESH = 20  # frames of the baseline, whose every one costs the same


def run(steps: int, workers: int) -> Any:
    """The assignment's eight settings, trained for a little while, with 100 frames: a `results.Results`."""
    from dynamics.runner.resolving import resolve
    from dynamics.runner.running import run_study
    from dynamics.studies import get_study

    study = replace(get_study("homework"), steps=steps, frames=FRAMES, snapshots=FRAMES, workers=str(workers))
    return run_study(resolve(study))


def single(results: Any) -> tuple[float, float]:
    """One panel of 640 pixels, heat map, contours, samples and step: ms a frame, encoding included, and MB."""
    planned = next(p for p in _plan(results) if p.path.endswith("density.gif"))
    return _animated(planned.arguments | {"layers": ("density", "contours", "samples")})


def comparison(results: Any) -> tuple[float, float]:
    """The 4 × 2 comparison, 960 pixels wide: ms a frame, and MB."""
    planned = next(p for p in _plan(results) if p.path == "comparison.gif")
    return _animated(planned.arguments | {"size": 960})


def everything(results: Any, workers: int) -> float:
    """All figures and animations of the run: seconds."""
    from dynamics.base.executors import choose
    from dynamics.pictures.picture_drawing import render
    from dynamics.pictures.picture_plan import plan
    from dynamics.settings.look import Look

    with tempfile.TemporaryDirectory() as folder:
        return _seconds(lambda: render(plan(results, Look()), Path(folder), choose(workers)))


def fresh(results: Any) -> float:
    """A new figure of 640 × 640 pixels with two scatter plots of 1000 points a frame, into a GIF: ms a frame."""
    import imageio.v3 as iio
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    real, generated = results.samples[0, -1, :1000], results.samples[0, :FRESH, :1000].astype(float)

    def draw() -> None:
        frames = []
        for k, points in enumerate(generated):
            figure = Figure(figsize=(6.4, 6.4), dpi=100)
            FigureCanvasAgg(figure)
            axes = figure.add_subplot()
            axes.scatter(real[:, 0], real[:, 1], s=4)
            axes.scatter(points[:, 0], points[:, 1], s=4)
            axes.set(xlim=(-5, 5), ylim=(-5, 5), title=f"step {k}")
            png = io.BytesIO()
            figure.savefig(png, format="png")
            frames.append(iio.imread(png.getvalue(), extension=".png")[..., :3])
        with tempfile.TemporaryDirectory() as folder:
            iio.imwrite(Path(folder) / "a.gif", np.stack(frames), duration=100, loop=0)

    return 1e3 * _seconds(draw) / len(generated)


def _plan(results: Any) -> list[Any]:
    from dynamics.pictures.picture_plan import plan
    from dynamics.settings.look import Look

    return plan(results, Look())


def _animated(arguments: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds a frame and megabytes of a planned animation, drawn here."""
    from dynamics.pictures.animation.animated_settings import animate
    from dynamics.pictures.member_scenes import scene

    scenes = {cell: scene(sketch, arguments["layers"]) for cell, sketch in arguments["scenes"].items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gif"
        seconds = _seconds(lambda: animate(path, **{**arguments, "scenes": scenes}))
        return 1e3 * seconds / len(arguments["steps"]), path.stat().st_size / 1e6


def _seconds(carry_out: Callable[[], Any]) -> float:
    start = time.perf_counter()
    carry_out()
    return time.perf_counter() - start
