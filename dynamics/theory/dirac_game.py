"""The methods on the Dirac game (Mescheder et al. 2018): data δ₀, a generator δ_θ, D(x) = ψx; and its rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.base.executors import choose
from dynamics.theory import closed_forms
from dynamics.theory.two_number_games import MIRRORED, ROUNDS, START, STEP, Array, make_game, plain, play

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Method:
    """A way to play the Dirac game: its Jacobian, that one's eigenvalues, and where it leads from (1, 1)."""

    setting: dict[str, Any]
    jacobian: Array
    eigenvalues: NDArray[np.complex128]
    formula: str  # of the eigenvalues
    verdicts: tuple[str, str]  # simultaneous, alternating
    at: tuple[float, float] = (0.0, 0.0)  # where J holds
    beside: float = 0.0  # how much higher ψ is where it is taken: J is that of one side of `at`
    batch: int = 1


def _methods() -> dict[str, Method]:
    wgan, gan, ns = ({"loss": loss} for loss in ("wasserstein", "minimax", "nonsaturating"))
    centre = closed_forms.jacobian(0.5, 0), closed_forms.eigenvalues(0.5, 0)

    def gp(weight: float, verdict: str, slope: float = 0.7) -> Method:
        setting = wgan | {"penalty": f"gp:{weight:g}", "slope": slope}
        known = closed_forms.jacobian(1, 2 * weight), closed_forms.of_gp(weight), "−w ± √(w² − 1), for ψ > 0"
        return Method(setting, *known, (verdict, verdict), (2 * slope * weight, 0.0), 0.3)

    def of_slope(loss: dict[str, Any], name: str, gamma: float) -> Method:
        setting = loss | {"penalty": f"{name}:{gamma:g}"}
        known = closed_forms.jacobian(0.5, gamma), closed_forms.of_slope_penalty(gamma), "−γ/2 ± √(γ²/4 − ¼)"
        return Method(setting, *known, ("converges", "converges"))

    return {
        "GAN": Method(gan, *centre, "±i/2", ("diverges", "cycles")),
        "NS-GAN": Method(ns, *centre, "±i/2", ("cycles", "converges slowly")),
        "WGAN clip 1": Method(
            wgan | {"penalty": "clip:1"},
            closed_forms.jacobian(1, 0),
            closed_forms.eigenvalues(1, 0),
            "±i",
            ("cycles", "cycles"),
        ),
        "WGAN-GP 1": gp(1.0, "settles elsewhere"),
        "WGAN-GP 0.3": gp(0.3, "cycles"),
        "WGAN-GP 0.35": gp(0.35, "cycles", 1.0),  # the notebook's: closed_forms.py
        "instance noise 0.7": Method(
            gan | {"penalty": "instance_noise:0.7"},
            closed_forms.jacobian(0.5, 0.7**2 / 2),
            closed_forms.of_noise(0.7),
            "−s²/4 ± √(s⁴/16 − ¼)",
            ("converges", "converges"),
            batch=31,
        ),
        "consensus 1": Method(
            gan | {"penalty": "consensus:1"},
            closed_forms.jacobian(0.5, 0.25, 0.25),
            closed_forms.of_consensus(1.0),
            "−γ/4 ± i/2",
            ("converges", "converges"),
        ),
        "NS-GAN R1 0.3": of_slope(ns, "r1", 0.3),
        "R1 0.3": of_slope(gan, "r1", 0.3),
        "R1 1": of_slope(gan, "r1", 1.0),
        "R2 0.3": of_slope(gan, "r2", 0.3),
        "R2 1": of_slope(gan, "r2", 1.0),
    }


METHODS = _methods()
SCHEDULES: dict[str, tuple[str, int]] = {  # update rule and D steps; where players alternate G moves first
    "simultaneous": ("simultaneous", 1),
    "alternating": ("alternating", 1),
    "alternating, 5 D steps": ("alternating", 5),
}
SHORT = dict(zip(SCHEDULES, ("at once", "in turns", "5 D"), strict=True))
SLOW = 0.05  # a second rate, for what holds in the limit of small ones


@dataclass(frozen=True)
class Walk:
    """A method's rounds on a schedule, from (1, 1) at rates `STEP` and `SLOW`, (T + 1, 2); displacements from `at` of
    two starts near it, in two directions, at `STEP`, (T + 1, 2, 2); and from (1, −1) at `STEP`, (T + 1, 2)."""

    path: Array
    slow: Array
    near: Array
    mirrored: Array


def walks(
    names: Sequence[str] = tuple(METHODS), tick: Tick = lambda amount: None, workers: int = 1
) -> dict[str, dict[str, Walk]]:
    """Method -> schedule -> its rounds. Methods that differ in weights alone are members of one stack."""
    stacks: dict[Any, list[str]] = {}
    for name in names:
        stacks.setdefault((plain(**METHODS[name].setting).structure, METHODS[name].batch), []).append(name)
    # the longest first, so that no worker is left alone with one
    tasks = [(tuple(together), schedule) for schedule in reversed(SCHEDULES) for together in stacks.values()]
    by_method: dict[str, dict[str, Walk]] = {name: {} for name in names}
    for index, done in choose(workers).run(_walk, tasks):
        if isinstance(done, Exception):
            raise done
        together, schedule = tasks[index]
        for name, walk in zip(together, done, strict=True):
            by_method[name][schedule] = walk
        tick(len(together) / len(SCHEDULES))
    return {name: {schedule: by[schedule] for schedule in SCHEDULES} for name, by in by_method.items()}


def _walk(task: tuple[tuple[str, ...], str], report: Tick) -> list[Walk]:
    """The function that workers run: methods of one structure, on one schedule."""
    together, schedule = task
    update, d_steps = SCHEDULES[schedule]
    settings = [
        plain(**METHODS[name].setting, lr=h, update=update, d_steps=d_steps)
        for name in together
        for h in (STEP, SLOW, STEP, STEP, STEP)
    ]
    starts = np.concatenate([_starts(METHODS[name]) for name in together])
    game = make_game(settings, starts, batch=METHODS[together[0]].batch)
    path = play(game, ROUNDS, generator_first=update == "alternating")
    paths = [path[:, 5 * k : 5 * k + 5] for k in range(len(together))]
    return [
        Walk(p[:, 0], p[:, 1], p[:, 2:4] - METHODS[name].at, p[:, 4]) for p, name in zip(paths, together, strict=True)
    ]


def _starts(method: Method) -> Array:
    # small, as what is predicted is linear; but where the game is that, on its side, for some rounds in full numbers
    near = np.array([(-1, 0.5), (-1, 0.1)]) * 1e-2 if method.beside else np.array([(-1, 0.5), (-0.5, -1)]) * 1e-6
    return np.concatenate([[START, START], method.at + near, [MIRRORED]])


def verdict_of(path: Array) -> str:
    """Where a path (T + 1, 2) leads, by the largest radii of its last two fifths."""
    if not np.isfinite(path).all():
        return "diverges"
    radii, fifth = np.hypot(*path.T), len(path) // 5
    before, last = radii[-2 * fifth : -fifth].max(), radii[-fifth:].max()
    if last < 0.01:
        return "converges"
    if np.abs(np.diff(path[-fifth:], axis=0)).sum() < 1e-3:
        return "settles elsewhere"
    if last < 0.98 * before:
        return "converges slowly"
    return "diverges" if last > 1.02 * before else "cycles"
