"""The methods on the Dirac game (Mescheder et al. 2018): data δ₀, a generator δ_θ, D(x) = ψx, and its known answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dynamics.base.workers import run_tasks
from dynamics.games.game import Game
from dynamics.games.losses import LOSSES
from dynamics.settings.setting import Setting
from dynamics.theory import exact
from dynamics.theory.minigames import (
    MIRRORED,
    ROUNDS,
    START,
    STEP,
    Array,
    Row,
    descents,
    eigenvalues,
    jacobian_by_autograd,
    jacobian_by_differences,
    make_game,
    nearest,
    plain,
    play,
    rate_of,
)

Tick = Callable[[float], None]


# --- losses, on the Dirac game ---------------------------------------------------------------------------------------


def losses() -> list[Row]:
    """The Jacobian of every loss: with data at 0, where D's real term does not count, and at 1."""
    rows = []
    cases: list[tuple[str, dict[str, float]]] = [(name, {}) for name in LOSSES]
    cases += [(name, {"alpha_d": 2.0, "alpha_g": 0.5}) for name in ("alpha", "alpha_minimax")]
    for name, alphas in cases:
        loss = LOSSES[name]
        best = loss.optimal_logit(torch.zeros(1, 1, dtype=torch.float64)).item() if loss.optimal_logit else 0.0
        setting = plain(name, **alphas)
        title = name + (f", {alphas['alpha_d']:g} and {alphas['alpha_g']:g}" if alphas else "")
        states = np.array([(0.7, -1.3), (2.0, 1.5), (-1.0, 2.0), (0.5, 0.3)])
        v = descents(make_game([setting] * 4, states, real=1.0, offset=best), states)
        known = [exact.field(name, theta, psi, 1.0, best, **alphas) for theta, psi in states.tolist()]
        what = "field at four states, data at 1: off by"
        rows.append(Row("losses, Dirac game", title, what, (0.0,), (float(np.abs(v - known).max()),), 1e-12))
        for real in (0.0, 1.0):
            rows += jacobian_rows(
                "losses, Dirac game",
                title,
                f"data at {real:g}" + (", o = ½" if name == "lsgan" else ""),
                exact.of_loss(name, real, **alphas),
                setting,
                (real, 0.0),
                real=real,
                offset=best,
            )
    w, offset = 0.2, exact.smoothed_output(0.2)
    smoothed = plain("nonsaturating", penalty=f"label_smoothing:{w:g}")
    expected = exact.of_smoothing(w, 1.0)
    words = "label smoothing 0.2", "data at 1, o = log(2/3)"
    return rows + jacobian_rows("losses, Dirac game", *words, expected, smoothed, (1.0, 0.0), real=1.0, offset=offset)


def jacobian_rows(
    section: str,
    name: str,
    what: str,
    expected: NDArray[np.complex128],
    setting: Setting,
    at: Sequence[float],
    **how: Any,
) -> list[Row]:
    """J's eigenvalues at a state, and that the field is 0 there: two rows, by differences and by autograd."""

    def make(starts: Array) -> Game:
        return make_game([setting] * len(starts), np.asarray(starts), **how)

    rows = []
    for by, jacobian, tolerance in (
        ("differences", lambda: jacobian_by_differences(make, at), 1e-6),
        ("autograd", lambda: jacobian_by_autograd(make(np.array([at])), at), 1e-9),
    ):
        e, found = nearest(expected.tolist(), eigenvalues(jacobian()))
        if abs(e[0] - e[1]) < 1e-9:  # an error moves a double root by its square root
            tolerance = math.sqrt(tolerance)
        rows.append(Row(section, name, f"λ by {by}" + (f"; {what}" if what else ""), e, found, tolerance))
    return rows


# --- what is done about it, on the Dirac game ------------------------------------------------------------------------


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
    centre = exact.jacobian(0.5, 0), exact.eigenvalues(0.5, 0)

    def gp(weight: float, verdict: str, slope: float = 0.7) -> Method:
        setting = wgan | {"penalty": f"gp:{weight:g}", "slope": slope}
        known = exact.jacobian(1, 2 * weight), exact.of_gp(weight), "−w ± √(w² − 1), for ψ > 0"
        return Method(setting, *known, (verdict, verdict), (2 * slope * weight, 0.0), 0.3)

    def of_slope(loss: dict[str, Any], name: str, gamma: float) -> Method:
        setting = loss | {"penalty": f"{name}:{gamma:g}"}
        known = exact.jacobian(0.5, gamma), exact.of_slope_penalty(gamma), "−γ/2 ± √(γ²/4 − ¼)"
        return Method(setting, *known, ("converges", "converges"))

    return {
        "GAN": Method(gan, *centre, "±i/2", ("diverges", "cycles")),
        "NS-GAN": Method(ns, *centre, "±i/2", ("cycles", "converges slowly")),
        "WGAN clip 1": Method(
            wgan | {"penalty": "clip:1"},
            exact.jacobian(1, 0),
            exact.eigenvalues(1, 0),
            "±i",
            ("cycles", "cycles"),
        ),
        "WGAN-GP 1": gp(1.0, "settles elsewhere"),
        "WGAN-GP 0.3": gp(0.3, "cycles"),
        "WGAN-GP 0.35": gp(0.35, "cycles", 1.0),  # the notebook's: theory.py
        "instance noise 0.7": Method(
            gan | {"penalty": "instance_noise:0.7"},
            exact.jacobian(0.5, 0.7**2 / 2),
            exact.of_noise(0.7),
            "−s²/4 ± √(s⁴/16 − ¼)",
            ("converges", "converges"),
            batch=31,
        ),
        "consensus 1": Method(
            gan | {"penalty": "consensus:1"},
            exact.jacobian(0.5, 0.25, 0.25),
            exact.of_consensus(1.0),
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
_SHORT = dict(zip(SCHEDULES, ("at once", "in turns", "5 D"), strict=True))
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
    found: dict[str, dict[str, Walk]] = {name: {} for name in names}
    for index, done in run_tasks(_walk, tasks, workers):
        if isinstance(done, Exception):
            raise done
        together, schedule = tasks[index]
        for name, walk in zip(together, done, strict=True):
            found[name][schedule] = walk
        tick(len(together) / len(SCHEDULES))
    return {name: {schedule: by[schedule] for schedule in SCHEDULES} for name, by in found.items()}


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
    own = [path[:, 5 * k : 5 * k + 5] for k in range(len(together))]
    return [
        Walk(p[:, 0], p[:, 1], p[:, 2:4] - METHODS[name].at, p[:, 4]) for p, name in zip(own, together, strict=True)
    ]


def _starts(method: Method) -> Array:
    # small, as what is predicted is linear; but where the game is that, on its side, for some rounds in full numbers
    near = np.array([(-1, 0.5), (-1, 0.1)]) * 1e-2 if method.beside else np.array([(-1, 0.5), (-0.5, -1)]) * 1e-6
    return np.concatenate([[START, START], method.at + near, [MIRRORED]])


def dirac(found: Mapping[str, Mapping[str, Walk]]) -> list[Row]:
    """Every method: its Jacobian, what that says of small steps, where the game leads."""
    rows = []
    for name, method in METHODS.items():
        rows += _linear(name, method)
        if name in found:
            rows += _rates(name, method, found[name])
    return [*rows, *_courses(found), *_notebook(found)]


SECTION = "Dirac game"


def _linear(name: str, method: Method) -> list[Row]:
    def make(starts: Array) -> Game:
        return make_game([plain(**method.setting)] * len(starts), np.asarray(starts), batch=method.batch)

    at = np.add(method.at, (0, method.beside))
    entries = tuple(jacobian_by_differences(make, at.tolist()).ravel().tolist())
    rows = [Row(SECTION, name, "J by differences", tuple(method.jacobian.ravel().tolist()), entries, 1e-6)]
    found = eigenvalues(jacobian_by_autograd(make(at[None]), at.tolist()))
    # an error moves a double root by its square root
    tolerance = 1e-9 if abs(np.subtract(*method.eigenvalues)) > 1e-9 else math.sqrt(1e-9)
    return [
        *rows,
        Row(SECTION, name, f"λ by autograd: {method.formula}", *nearest(method.eigenvalues.tolist(), found), tolerance),
    ]


def _rates(name: str, method: Method, found: Mapping[str, Walk]) -> list[Row]:
    """What two starts near the equilibrium did, against I + hJ and the like of it for players that alternate."""
    expected, fitted, determinants, areas = [], [], [], []
    for schedule, seen in found.items():
        update, d_steps = SCHEDULES[schedule]
        first = "both" if update == "simultaneous" else "g"
        matrix = exact.one_round(method.jacobian, STEP, first=first, d_steps=d_steps)
        both = np.linalg.eigvals(matrix)
        expected.append(float(np.abs(both).max()))
        radii = np.sqrt(np.square(seen.near).sum((1, 2)))
        undisturbed = not method.beside and method.batch == 1  # else rounding leaves the equilibrium a little off
        double = bool(abs(both[0] - both[1]) < 1e-6)
        fitted.append(rate_of(radii, double=double, least=1e-200 if undisturbed else 1e-12))
        determinants.append(float(np.linalg.det(matrix)))
        area = np.linalg.det(seen.near[[0, 8]])
        areas.append(float(area[1] / area[0]) ** (1 / 8))
    e = tuple(expected)
    # about an equilibrium beside 0 coordinates are rounded, and after eight rounds the area is 1e-9 of what it was
    tolerance = 1e-6 if method.beside else 1e-8
    rows = [Row(SECTION, name, "area a round: at once, in turns, 5 D", tuple(determinants), tuple(areas), tolerance)]
    if name not in ("WGAN-GP 0.3", "WGAN-GP 0.35"):  # which leave the side
        rows.append(Row(SECTION, name, "radius a round: at once, in turns, 5 D", e, tuple(fitted), 5e-4))
    verdicts = [verdict_of(found[schedule].path) for schedule in ("simultaneous", "alternating")]
    rows += [
        Row(SECTION, name, f"from (1, 1), {schedule}", expected_, verdict, 0)
        for schedule, expected_, verdict in zip(("simultaneous", "alternating"), method.verdicts, verdicts, strict=True)
    ]
    return rows


def _courses(found: Mapping[str, Mapping[str, Walk]]) -> list[Row]:
    """Where games end that the Jacobian does not tell."""
    rows = []
    if "GAN" in found:
        end = float(np.hypot(*found["GAN"]["alternating"].slow[-1]))
        rows.append(Row(SECTION, "GAN", "end radius: √2, h 0.05", (math.sqrt(2),), (end,), SLOW))
    if "NS-GAN" in found:
        turns, at_once = found["NS-GAN"]["alternating"], found["NS-GAN"]["simultaneous"]
        squares = tuple(float(np.square(path[-1]).sum()) for path in (turns.path, turns.slow))
        known = tuple(exact.slow_square(ROUNDS * h, 2.0) for h in (STEP, SLOW))
        rows.append(Row(SECTION, "NS-GAN", "end θ² + ψ²: 1/(½ + t/8), h 0.2, 0.05", known, squares, 0.01))
        end = float(np.square(at_once.path[-1]).sum())
        rows.append(
            Row(SECTION, "NS-GAN", "end θ² + ψ², simultaneous: 2h", (exact.slow_cycle(STEP),), (end,), 0.1 * STEP)
        )
    if "WGAN clip 1" in found:
        clipped = found["WGAN clip 1"]
        highest = float(np.abs(clipped["simultaneous"].path[:, 1]).max())
        rows.append(Row(SECTION, "WGAN clip 1", "largest |ψ|", (1.0,), (highest,), 0.0))
        end = float(np.hypot(*clipped["alternating"].slow[-1]))
        rows.append(Row(SECTION, "WGAN clip 1", "end radius: 1, h 0.05", (1.0,), (end,), SLOW))
    if "WGAN-GP 1" in found:
        ends = tuple(float(np.hypot(*seen.path[-1])) for seen in found["WGAN-GP 1"].values())
        known = (exact.gp_amplitude(1.0, 0.7),) * len(ends)
        rows.append(Row(SECTION, "WGAN-GP 1", "end radius: 2wk", known, ends, 1e-6))
    if "WGAN-GP 0.3" in found:
        far = float(np.abs(found["WGAN-GP 0.3"]["alternating"].slow[-250:, 0]).max())
        known = (exact.gp_amplitude(0.3, 0.7),)
        rows.append(Row(SECTION, "WGAN-GP 0.3", "largest |θ|: 2wk(1 + q)/(1 − q), h 0.05", known, (far,), 0.02))
    return rows


def _notebook(found: Mapping[str, Mapping[str, Walk]]) -> list[Row]:
    """What the authors' own field does (Mescheder et al. 2018) from their (1, 1), which is (1, −1) here: their ψ is −ψ.

    Where it ends, (θ, ψ); for consensus with the whole cross term."""
    section, rows = "Dirac game, from its authors' (1, 1): θ, ψ", []
    for name in exact.NOTEBOOK:
        if name not in found:
            continue
        for schedule, seen in found[name].items():
            update, d_steps = SCHEDULES[schedule]
            first = "both" if update == "simultaneous" else "g"
            end = exact.notebook_end(name, STEP, ROUNDS, first=first, d_steps=d_steps, cross=1)
            theta, psi = seen.mirrored[-1].tolist()
            tolerance = 1e-6 * math.hypot(*end)  # of ends however near 0
            rows.append(Row(section, name, f"ends, {_SHORT[schedule]}", end, (theta, -psi), tolerance))
    states = np.array([(0.7, -1.3), (2.0, 1.5), (-1.0, 2.0), (0.5, 0.3)])
    for name in exact.NOTEBOOK:
        game = make_game([plain(**METHODS[name].setting)] * len(states), states)
        theirs = np.array([exact.notebook_field(name, theta, -psi) for theta, psi in states.tolist()])
        more = np.zeros_like(theirs)
        if name == "consensus 1":  # ½ (θ² + ψ²) f′ f″ (ψ, θ)
            t = states[:, 0] * -states[:, 1]
            slope = 1 / (1 + np.exp(t))
            half = 0.5 * np.square(states).sum(1) * slope**2 * (slope - 1)
            more = -half[:, None] * np.stack([-states[:, 1], states[:, 0]], 1)
        apart = float(np.abs(descents(game, states) - (theirs + more) * (1, -1)).max())
        words = "field" + (" + ½ cross term" if more.any() else "") + ", four states"
        rows.append(Row(section, name, f"{words}: off by", (0.0,), (apart,), 1e-12))
    return rows


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


def more() -> list[Row]:
    """Jacobians of what else has a closed form."""
    section, rows = "Dirac game, more", []
    wgan, gan = {"loss": "wasserstein", "slope": 0.7}, {"loss": "minimax"}
    cases: tuple[tuple[str, str, dict[str, Any], tuple[float, float], Array, dict[str, float]], ...] = (
        # just off ψ = 0, where |ψ| has no second derivative for autograd
        ("gp", "slope 0: as R1, γ = 2w", gan | {"penalty": "gp:0.3", "slope": 0.0}, (0, 1e-7),
         exact.of_slope_penalty(0.6), {}),
        ("dragan", "data of no width: as gp", wgan | {"penalty": "dragan:0.3"}, (0.42, 0.3),
         exact.of_gp(0.3), {}),
        ("gp_one_sided", "|ψ| < k: nothing asked", wgan | {"penalty": "gp_one_sided:0.3"}, (0, 1e-7),
         exact.eigenvalues(1, 0), {}),
        ("gp_one_sided", "ψ > k: as gp", wgan | {"penalty": "gp_one_sided:0.3"}, (0.42, 0.9), exact.of_gp(0.3), {}),
        ("r1+r2", "κ = γ₁ + γ₂", gan | {"penalty": "r1:0.2+r2:0.3"}, (0, 0), exact.of_slope_penalty(0.5), {}),
        ("r1", "data at 1: κ = ½ + γ", gan | {"penalty": "r1:0.3"}, (1, 0), exact.eigenvalues(0.5, 0.8), {"real": 1}),
        ("r1", "lsgan, o = ½", {"loss": "lsgan", "penalty": "r1:0.3"}, (0, 0), exact.of_slope_penalty(0.3),
         {"offset": 0.5}),
        ("r1", "hinge: critical at γ 2", {"loss": "hinge", "penalty": "r1:2"}, (0, 0),
         exact.of_slope_penalty(2, 1), {}),
        ("r1+r2", "relativistic", {"loss": "relativistic", "penalty": "r1:0.3+r2:0.3"}, (0, 0),
         exact.of_slope_penalty(0.6), {}),
        ("consensus", "wasserstein: −γ ± i", {"loss": "wasserstein", "penalty": "consensus:0.2"}, (0, 0),
         exact.of_consensus(0.2, 1), {}),
    )  # fmt: skip
    for name, what, setting, at, expected, how in cases:
        rows += jacobian_rows(section, name, what, expected, plain(**setting), at, **how)
    return rows
