"""Draws docs/verdicts.png, a panel for each verdict, each a real member: `python docs/draw_verdicts.py`, minutes."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from dynamics.engine.training import train_stack  # noqa: E402
from dynamics.measures.metrics import Measures, measure, null_scores, target_mean, total_variance  # noqa: E402
from dynamics.measures.verdicts import Course, judge  # noqa: E402
from dynamics.pictures.colours import FAINT, GENERATED, INK  # noqa: E402
from dynamics.pictures.figure_style import STYLE  # noqa: E402
from dynamics.settings.catalogue.verdicts import Verdict  # noqa: E402
from dynamics.settings.setting import Setting  # noqa: E402
from dynamics.targets.registry import target_for  # noqa: E402

MODES = ("#1b3f91", "#e8a620", "#4bd387", "#ae56c6")  # the four modes of mixture_4
SMALL: Any = {"hidden": 32, "batch_size": 128}
SEEDS = 8
# verdict, title, setting, generator steps: the first seed that has the verdict is drawn
PANELS = (
    ("converged", "gaussian, SGD", Setting(optimizer="sgd", lr=0.1, **SMALL), 2000),
    ("still learning", "mixture, tanh", Setting(mode="mixture", activation="tanh", **SMALL), 2000),
    ("collapsed", "mixture_4, Adam, lr 0.001", Setting(mode="mixture_4", **SMALL), 1500),
    ("oscillating", "mixture_4, Adam, lr 0.01", Setting(mode="mixture_4", lr=0.01, d_steps=1, **SMALL), 1500),
    (
        "oscillating",
        "Wasserstein, SGD, lr 0.02",
        Setting(std=0.5, loss="wasserstein", optimizer="sgd", lr=0.02, d_steps=1, **SMALL),
        600,
    ),
    ("diverged", "Wasserstein, Adam, lr 0.05", Setting(loss="wasserstein", lr=0.05, **SMALL), 800),
    ("lost", "mixture_4, Adam, lr 0.05", Setting(mode="mixture_4", lr=0.05, d_steps=1, **SMALL), 1000),
    (
        "lost",
        "two_moons, Wasserstein",
        Setting(mode="two_moons", loss="wasserstein", lr=0.002, d_steps=5, **SMALL),
        1000,
    ),
)


def courses_of(setting: Setting, steps: int) -> Iterator[Course]:
    """50 snapshots of each seed, trained here."""
    target, at = target_for(setting), np.linspace(0, steps, 51).round().astype(int)
    stack = train_stack([setting] * SEEDS, range(SEEDS), steps, at.tolist())
    seen: list[Measures] = [measure(snapshot.samples, target) for snapshot in stack]
    for m in range(SEEDS):
        scores = {
            name: np.array([measured.scores[name][m] for measured in seen])
            for name in ("jsd", "spread", "modes_covered", "high_quality")
        }
        measures = ("mean", "on_data", "far_off", *(("mass", "shape") if target.modes is not None else ()))
        more = {name: np.array([getattr(measured, name)[m] for measured in seen]) for name in measures}
        yield Course(at, **scores, **more)  # type: ignore[arg-type]


def main() -> None:
    with matplotlib.rc_context({**STYLE, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(12, 6.6), dpi=150, layout="constrained")
        for axes, (word, title, setting, steps) in zip(figure.subplots(2, 4).ravel(), PANELS, strict=True):
            target = target_for(setting)
            judged = ((c, judge(c, target, null_scores(target))) for c in courses_of(setting, steps))
            course, verdict = next(pair for pair in judged if pair[1].word == word)
            draw(axes, course, verdict, setting, title)
        figure.savefig(ROOT / "docs" / "verdicts.png")


def draw(axes: matplotlib.axes.Axes, course: Course, verdict: Verdict, setting: Setting, title: str) -> None:
    """Mode masses where they tell the verdict; the mean, of a run on one mode that swings or runs off; the distance of
    one that is lost; JSD."""
    target = target_for(setting)
    steps = course.steps
    axes.set_title(verdict.word, loc="left", fontsize=15, fontweight="bold", pad=34)
    why = axes.text(0, 1.04, _wrapped(verdict.detail), transform=axes.transAxes, fontsize=8.5, va="bottom")
    why.set(linespacing=1.3, in_layout=False)  # it may be wider than the axes, which are not to give way
    last = steps[-1]
    axes.set_xlim(0, last)
    axes.set_xticks([0, last // 2, last])
    axes.set_xlabel(f"generator steps\n{title}")
    if verdict.word == "lost":
        scale = np.sqrt(total_variance(target) / 2)
        away = np.square(course.mean - target_mean(target)).sum(1) + course.spread * total_variance(target)
        axes.semilogy(steps, np.sqrt(away) / scale, color=GENERATED, lw=2)
        axes.axhline(np.sqrt(2), color=FAINT, lw=1, ls=":")
        axes.text(last, 1.55, "the target's own", ha="right", color=INK)
        axes.set_ylim(0.3, 100)
        axes.set_ylabel("distance, target stds")
    elif setting.mode == "mixture_4" and course.mass is not None:
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
