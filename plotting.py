"""Pictures of training: a frame of what G makes, the losses, a film of all frames, and a page of some of them.

The frames are drawn as pixels by the package beside these files, many times faster than by a new matplotlib figure for
each: red is where G puts its points, black lines are where the real points are.
"""

import functools
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dynamics.pictures.animation.films_of_files import write_film
from dynamics.pictures.animation.frame_writer import MissingLibrary
from dynamics.pictures.animation.stills import Still, page_figure
from dynamics.pictures.figure_files import save
from dynamics.pictures.losses_over_training import losses_figure
from sample import sample_real_data

FRAME = r"frame_(\d+)\.png"  # the name of a frame's file; (\d+) is its step
SAMPLES = 2000  # points of G in every frame
SETTLED = {"D": 2 * np.log(2), "G": np.log(2)}  # the losses where nobody can win any more


def plot_generated(G: nn.Module, mode: str, step: int, save_dir: str | Path = "frames", **width: Any) -> Path:
    """Draw what G makes at a step into `save_dir`, as frame_00005.png for step 5; returns the file's path.

    `width` is std or variance of the real data. Neither G nor torch's generator is changed by being looked at.
    """
    parameter = next(G.parameters(), torch.empty(0))
    z = torch.randn(SAMPLES, getattr(G, "latent_dim", 2), generator=torch.Generator().manual_seed(0))  # always the same
    training = {module: module.training for module in G.modules()}
    G.eval()  # batch normalisation and dropout as they are in use, after training
    with torch.no_grad():
        points = G(z.to(parameter)).cpu().float().numpy()
    for module, before in training.items():
        module.training = before
    path = Path(save_dir, f"frame_{step:05d}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    _still(sample_real_data, mode, **width).save(path, points, step)
    return path


@functools.lru_cache(maxsize=16)
def _still(sample: Callable[..., torch.Tensor], mode: str, **width: Any) -> Still:
    """What all frames of a mode share, drawn once. The real data is what sample.py makes, whatever you change there."""
    with torch.random.fork_rng(devices=[]):  # lends us torch's generator, and gives it back as it was
        torch.manual_seed(0)
        real = sample(1_000_000, mode, **width).numpy()
    std = width.get("std") or (width.get("variance") or 0) ** 0.5 or None
    return Still(mode, std, real, SAMPLES)


def plot_losses(
    losses: Mapping[str, Sequence[float]], plot_every: int = 1000, show: bool = False,
    output_file: str | Path = "losses.png") -> Path:  # fmt: skip
    """Draw the curves of `train_gan`: losses above, D's mean answers below. A .png, .pdf or .svg; returns its path."""
    curves = {key: np.array([[float(v) for v in losses.get(key, [])]]) for key in ("D", "G", "D(x)", "D(G(z))")}
    count = curves["D"].shape[1]
    if count == 0:
        raise ValueError("there are no losses to draw: was num_steps below plot_every?")
    d_loss, g_loss, d_real, d_fake = (c if c.size else np.full((1, count), np.nan) for c in curves.values())
    steps = plot_every * np.arange(1, count + 1)
    figure = losses_figure("Losses of both players", steps, d_loss, g_loss, d_real, d_fake, SETTLED)
    save(figure, output_file)
    if show:
        import matplotlib.pyplot as plt

        plt.figure(figsize=figure.get_size_inches()).add_axes((0, 0, 1, 1)).imshow(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
        plt.show()
    return Path(output_file)


def make_video(frame_dir: str | Path = "frames", output_file: str | Path = "gan_training.mp4", fps: float = 10) -> Path:
    """Make a film of all frames in a folder: .mp4, .gif, .webp or .apng; returns its path.

    The files may be of any program, if their sizes are the same; they are read one by one, as the film is written.
    MP4 needs PyAV (pip install av); without it the film becomes a GIF, and a line says so.
    """
    path, files = Path(output_file), [file for _, file in _frames(frame_dir, FRAME)]
    try:
        return write_film(path, files, fps)
    except MissingLibrary as missing:
        path = path.with_suffix(".gif")
        print(f"{missing}: {path} is written instead of {output_file}", file=sys.stderr)
        return write_film(path, files, fps)


def show_gan_training_grid(
    folder: str | Path = "frames", grid_rows: int = 3, grid_cols: int = 4, filename_pattern: str = FRAME,
    figsize: tuple[float, float] = (12, 8), max_step: int | None = None,
    output_file: str | Path = "2d_gan_frame_by_frame.png") -> Path:  # fmt: skip
    """Draw frames of a folder side by side, evenly chosen from the first to the last (or to `max_step`).

    `filename_pattern` is a regular expression for the names, with one group: the step. Returns the picture's path.
    """
    frames = [(step, file) for step, file in _frames(folder, filename_pattern) if max_step is None or step <= max_step]
    if not frames or grid_rows * grid_cols < 1:
        raise ValueError(f"{folder}: no frame up to step {max_step} for {grid_rows} rows of {grid_cols}")
    chosen = np.unique(np.linspace(0, len(frames) - 1, grid_rows * grid_cols).round().astype(int))
    save(page_figure([frames[place] for place in chosen], grid_cols, grid_rows, figsize), output_file)
    return Path(output_file)


def _frames(folder: str | Path, pattern: str) -> list[tuple[int, Path]]:
    """The frames in a folder and their steps, in the order of these. Raises ``ValueError`` where there is none."""
    name = re.compile(pattern)
    if name.groups != 1:
        raise ValueError(f"{pattern!r} must have one group, which is the step: {FRAME!r}")
    matches = [(name.fullmatch(file.name), file) for file in Path(folder).iterdir()] if Path(folder).is_dir() else []
    frames = sorted((int(match[1]), file) for match, file in matches if match)
    if not frames:
        raise ValueError(f"{folder}: no frame is there, no file named as {pattern}")
    return frames
