"""What a frame of the course's `plot_generated` costs beside a fresh matplotlib figure of the same picture.

    python benchmarks/course_frames.py

In turns, three times: 500 frames of a generator, then 25 fresh figures (density's lines, a heat map of the samples, the
samples, a title; a PNG of 640 × 640 pixels), counted twenty times. Prints seconds and ratios, and their median.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

FRAMES, FRESH, TURNS = 500, 25, 3


def main() -> None:
    import torch

    from GAN import Generator
    from plotting import SAMPLES, plot_generated

    torch.manual_seed(0)
    G = Generator()
    samples = torch.randn(SAMPLES, 2).numpy()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        plot_generated(G, "mixture_4", 0, folder)  # imports; what all frames share is drawn in `ours` all the same
        for _ in range(TURNS):
            import plotting

            plotting._still.cache_clear()
            start = time.perf_counter()
            for step in range(FRAMES):
                plot_generated(G, "mixture_4", step, folder)
            ours = time.perf_counter() - start
            start = time.perf_counter()
            for step in range(FRESH):
                fresh_figure(samples, step, Path(folder) / f"fresh_{step}.png")
            fresh = (time.perf_counter() - start) * FRAMES / FRESH
            ratios.append(fresh / ours)
            print(f"{FRAMES} frames: {ours:.1f} s; fresh figures, {FRESH} scaled up: {fresh:.1f} s; {ratios[-1]:.1f} ×")
    print(f"median {statistics.median(ratios):.1f} × ({min(ratios):.1f}–{max(ratios):.1f})")


def fresh_figure(samples: np.ndarray, step: int, path: Path) -> None:
    """What a loop that people share draws a frame: everything anew, with pyplot's usual parts."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    side = np.linspace(-5, 5, 160)
    x, y = np.meshgrid(side, side)
    density = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.08) for a in (-2, 2) for b in (-2, 2))
    figure, axes = plt.subplots(figsize=(6.4, 6.4), dpi=100)
    heat, _, _ = np.histogram2d(samples[:, 0], samples[:, 1], bins=80, range=[[-5, 5], [-5, 5]])
    axes.imshow(heat.T, extent=(-5, 5, -5, 5), origin="lower", cmap="Reds")
    axes.contour(x, y, density, colors="black")
    axes.scatter(samples[:, 0], samples[:, 1], s=4, color="tab:red")
    axes.set(xlim=(-5, 5), ylim=(-5, 5), title=f"step {step}")
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
