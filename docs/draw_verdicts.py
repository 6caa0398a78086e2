"""Draws docs/verdicts.png, a panel for each verdict, each a real member: `python docs/draw_verdicts.py`, a minute."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from colours import FAINT, GENERATED, INK  # noqa: E402
from figures import STYLE  # noqa: E402
from metrics import Measures, measure, null_scores  # noqa: E402
from sample import target_for  # noqa: E402
from settings import Setting  # noqa: E402
from train import train_stack  # noqa: E402
from verdicts import Course, Verdict, judge  # noqa: E402

MODES = ("#1b3f91", "#e8a620", "#4bd387", "#ae56c6")  # the four modes of mixture_4
SMALL: Any = {"hidden": 32, "batch_size": 128}
# title, setting, seed, generator steps
PANELS = (
    ("gaussian, SGD", Setting(optimizer="sgd", lr=0.1, **SMALL), 0, 2000),
    ("mixture, tanh", Setting(mode="mixture", activation="tanh", **SMALL), 3, 2000),
    ("mixture_4, Adam, lr 0.001", Setting(mode="mixture_4", **SMALL), 0, 1500),
    ("mixture_4, Adam, lr 0.01", Setting(mode="mixture_4", lr=0.01, d_steps=1, **SMALL), 0, 1500),
    (
        "Wasserstein, SGD, lr 0.02",
        Setting(std=0.5, loss="wasserstein", optimizer="sgd", lr=0.02, d_steps=1, **SMALL),
        0,
        600,
    ),
    ("Wasserstein, Adam, lr 0.05", Setting(loss="wasserstein", lr=0.05, **SMALL), 2, 800),
)


def course_of(setting: Setting, seed: int, steps: int) -> Course:
    """50 snapshots of one member, trained here."""
    target, at = target_for(setting), np.linspace(0, steps, 51).round().astype(int)
    stack = train_stack([setting] * (seed + 1), range(seed + 1), steps, at.tolist())
    seen: list[Measures] = [measure(snapshot.samples[seed:], target) for snapshot in stack]
    scores = {n: np.array([m.scores[n][0] for m in seen]) for n in ("jsd", "spread", "modes_covered", "high_quality")}
    modes = {}
    if target.modes is not None:
        modes = {n: np.array([getattr(m, n)[0] for m in seen]) for n in ("mass", "shape")}
    return Course(at, mean=np.array([m.mean[0] for m in seen]), **scores, **modes)  # type: ignore[arg-type]


def main() -> None:
    with matplotlib.rc_context({**STYLE, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 6.6), dpi=200, layout="constrained")
        for axes, (title, setting, seed, steps) in zip(figure.subplots(2, 3).ravel(), PANELS, strict=True):
            target = target_for(setting)
            course = course_of(setting, seed, steps)
            verdict = judge(course, target, null_scores(target))
            draw(axes, course, verdict, setting, title)
        figure.savefig(ROOT / "docs" / "verdicts.png")


def draw(axes: matplotlib.axes.Axes, course: Course, verdict: Verdict, setting: Setting, title: str) -> None:
    """Mode masses where they tell the verdict; the mean, of a run on one mode that swings or runs off; JSD."""
    target = target_for(setting)
    steps = course.steps
    axes.set_title(verdict.word, loc="left", fontsize=15, fontweight="bold", pad=34)
    why = axes.text(0, 1.04, _wrapped(verdict.detail), transform=axes.transAxes, fontsize=8.5, va="bottom")
    why.set(linespacing=1.3, in_layout=False)  # it may be wider than the axes, which are not to give way
    last = steps[-1]
    axes.set_xlim(0, last)
    axes.set_xticks([0, last // 2, last])
    axes.set_xlabel(f"generator steps\n{title}")
    if setting.mode == "mixture_4" and course.mass is not None:
        axes.set_ylabel("mass of each mode")
        axes.set_ylim(-0.02, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 1], ["0", "¼", "½", "1"])
        axes.axhline(0.25, color=FAINT, lw=1, ls=":")
        for k in np.flatnonzero(course.mass.max(0) > 0.1):
            axes.plot(steps, course.mass[:, k], color=MODES[k], lw=2, clip_on=False)
            final = course.mass[-10:, k].mean()
            x, y = 0.72 * last, final + (0.15 if final > 0.4 else -0.2)
            if verdict.word == "oscillating":
                x, y = 0.04 * last, 0.9
            axes.text(x, y, f"mode {k + 1}", color=MODES[k])
    elif verdict.word == "oscillating":
        assert target.modes is not None
        std = target.modes.stds[0]
        for coordinate, colour in enumerate(MODES[:2]):
            axes.plot(steps, (course.mean[:, coordinate] - 2) / std, color=colour, lw=2)
            axes.text(0.8 * last, 10 - 3 * coordinate, "xy"[coordinate], color=colour)
        axes.axhline(0, color=FAINT, lw=1, ls=":")
        axes.set_ylabel("mean, stds from true")
    elif verdict.word == "diverged":
        away = np.linalg.norm(course.mean - 2, axis=1) / target.std
        axes.semilogy(steps, away, color=GENERATED, lw=2)
        axes.axhline(100, color=FAINT, lw=1, ls=":")
        axes.set_ylabel("distance from mode, stds")
    else:
        axes.plot(steps, course.jsd, color=GENERATED, lw=2)
        limit = null_scores(target)["jsd"][0]
        axes.axhspan(0, limit + 0.05, color=FAINT, alpha=0.25, lw=0)
        axes.text(last, 0.4, "grey: converged", ha="right", color=INK)
        axes.set_ylim(0, 0.72)
        axes.set_ylabel("JSD, nats")
    print(f"{title}: {verdict.word}, {verdict.detail}")


def _wrapped(detail: str) -> str:
    """In two lines, the second without what follows a semicolon."""
    return textwrap.fill(detail.partition(";")[0], 38)


if __name__ == "__main__":
    main()
