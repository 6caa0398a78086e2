"""Are the methods the algorithms that their names say? Their own code, on games whose answers are known (theory.py).

Losses, penalties, optimisers, update rules and the game are those that train; only the two players are made here, of
one number each. Every row is a prediction beside what the code did. Many starts, rates and weights are the members of
one stack, float64. Real points and latents are constants, and instance noise a symmetric grid of normal quantiles of
variance exactly 1, so that a batch is no estimate.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

import game as games
import penalties
import theory
from curves import Curves
from game import Game
from GAN import MLP
from losses import LOSSES
from penalties import PENALTIES, Points
from reference import AutogradStack
from settings import Setting
from updates import OPTIMIZERS
from workers import run_tasks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
Tick = Callable[[float], None]
Value = str | tuple[complex, ...]

STEP, ROUNDS, START = 0.2, 500, (1.0, 1.0)


@dataclass(frozen=True)
class Row:
    """A prediction and what the code did of it: numbers, or a word."""

    section: str
    name: str
    what: str
    expected: Value
    measured: Value
    tolerance: float  # of every number, absolute; 0 for words

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance

    @property
    def error(self) -> float:
        """The largest difference of two numbers; infinite between words, where there is none, and of what is not
        finite."""
        if isinstance(self.expected, str) or isinstance(self.measured, str):
            return 0.0 if self.expected == self.measured else math.inf
        apart = [abs(e - m) for e, m in zip(self.expected, self.measured, strict=True)]
        return max(apart) if np.isfinite(apart).all() else math.inf


# --- games of two numbers --------------------------------------------------------------------------------------------


class Point:
    """A generator that gives its one parameter for every latent: flat (M, 1), points (M, B, 1)."""

    def __init__(self, flat: Tensor) -> None:
        self.flat = flat

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        return flat.unsqueeze(1).expand(-1, x.shape[1], -1)


class Line:
    """D(x) = offset + ψ x: flat (M, 1), logits (M, B, 1) of points (M, B, 1)."""

    def __init__(self, flat: Tensor, offset: float = 0.0) -> None:
        self.flat, self.offset = flat, offset

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        return self.offset + flat.unsqueeze(1) * x


class Fixed:
    """A `game.Source` without chance: all reals at one point, and the same quantiles of noise in every batch."""

    def __init__(self, members: int, batch: int = 1, real: float = 0.0) -> None:
        self.members = members
        self.z = torch.zeros(members, batch, 1, dtype=torch.float64)
        self.real = self.z + real

    def latents(self) -> Tensor:
        return self.z

    def reals(self) -> Tensor:
        return self.real

    g_reals = reals

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return torch.full((self.members, *shape), 0.5, dtype=torch.float64)

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return _quantiles(shape[0]).expand(self.members, *shape)


@functools.cache
def _quantiles(count: int) -> Tensor:
    """So many normal quantiles, symmetric, of mean square 1 (but for a single one, 0): (1, count, 1)."""
    quantiles = norm.ppf((np.arange(count) + 0.5) / count)
    return torch.from_numpy(quantiles / (math.sqrt(np.mean(quantiles**2)) or 1)).reshape(1, -1, 1)


def make_game(
    settings: Sequence[Setting], starts: Array, *, real: float = 0.0, offset: float = 0.0, batch: int = 1
) -> Game:
    """M games of two numbers, `settings[m]` from `starts[m]` (θ, ψ), with data δ_real and D(x) = offset + ψ x."""
    theta, psi = torch.tensor(starts, dtype=torch.float64).split(1, 1)
    source = Fixed(len(settings), batch, real)
    return Game(Point(theta.clone()), Line(psi.clone(), offset), settings, source, dimensions=1)


def play(game: Game, rounds: int, *, generator_first: bool = False) -> Array:
    """Where a game is before and after each of so many rounds, (rounds + 1, M, 2)."""
    seen = [torch.cat([game.g, game.d], 1)]
    for made in range(rounds):
        game.made = made
        if generator_first:
            game.rule.step()
            game.rule.begin()
        else:
            game.rule.begin()
            game.rule.step()
        seen.append(torch.cat([game.g, game.d], 1))
    return torch.stack(seen).numpy()


def descents(game: Game, states: Array) -> Array:
    """−(what a step of either player goes down) at states (M, 2), (M, 2): the game's field v."""
    theta, psi = torch.tensor(states, dtype=torch.float64).split(1, 1)
    of_d = game.gradient("d", theta, psi, game.d_batch())
    of_g = game.gradient("g", theta, psi, game.g_batch())
    return -torch.cat([of_g, of_d], 1).numpy()


def jacobian_by_differences(make: Callable[[Array], Game], at: Sequence[float], step: float = 1e-4) -> Array:
    """J (2, 2) of what the game's steps go down, by central differences: four points as four members."""
    steps = step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], float)
    v = descents(make(at + steps), at + steps)
    return np.stack([v[0] - v[1], v[2] - v[3]], 1) / (2 * step)


def jacobian_by_autograd(game: Game, at: Sequence[float]) -> Array:
    """J (2, 2) of the field that the game gives as functions of both players, with its consensus where it has one."""
    theta, psi = (torch.tensor([[x]], dtype=torch.float64, requires_grad=True) for x in at)
    real = game.source.reals()
    of_d, of_g = game.field(theta, psi, game.d_batch()._replace(real=real))
    if "consensus" in game.penalties:
        together = (game.penalties["consensus"] * penalties.consensus(of_g, of_d)).sum()
        more = torch.autograd.grad(together, (theta, psi), create_graph=True)
        of_g, of_d = of_g + more[0], of_d + more[1]
    rows = [torch.autograd.grad(-v.sum(), (theta, psi), retain_graph=True, allow_unused=True) for v in (of_g, of_d)]
    return np.array([[0.0 if x is None else x.item() for x in row] for row in rows])


def rate_of(radii: Array, *, double: bool = False, least: float = 1e-200) -> float:
    """The factor per round of radii (T + 1,): a straight line through their logarithms, over the last half of what is
    above `least`. Where the largest eigenvalue is `double` radii go as n times its powers."""
    if not np.isfinite(radii).all():
        return math.nan
    n = np.arange(len(radii))
    above = np.flatnonzero(radii > least)
    last = above[-1] if len(above) else len(radii) - 1
    kept = slice(last // 2, last + 1)
    logs = np.log(np.maximum(radii[kept], 1e-300) / (n[kept] if double else 1))
    return math.exp(np.polyfit(n[kept], logs, 1)[0])


def _eigenvalues(matrix: Array) -> list[complex]:
    """Both, or nan where the matrix is not finite."""
    return np.linalg.eigvals(matrix).astype(complex).tolist() if np.isfinite(matrix).all() else [math.nan, math.nan]


def nearest(expected: Sequence[complex], found: Sequence[complex]) -> tuple[tuple[complex, ...], tuple[complex, ...]]:
    """Two pairs of eigenvalues, the second in the order that is closer to the first."""
    e, f = tuple(map(complex, expected)), tuple(map(complex, found))
    straight, crossed = (max(abs(e[0] - x), abs(e[1] - y)) for x, y in (f, f[::-1]))
    return e, f if straight <= crossed else f[::-1]


# --- rules, on the bilinear game -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    name: str
    what: str
    setting: dict[str, Any]
    matrix: Callable[[float], Array]  # of one round at a rate h; of `every` rounds
    factor: Callable[[float], float]
    every: int = 1


def _momentum(of: Callable[..., Any], mu: float, first: str) -> Callable[[float], Any]:
    return lambda h: of(h, mu, first=first)


RULES = (
    Rule(
        "simultaneous",
        "√(1 + h²)",
        {"update": "simultaneous"},
        lambda h: theory.one_round(theory.A, h),
        lambda h: math.sqrt(1 + h * h),
    ),
    Rule("alternating", "1", {}, lambda h: theory.one_round(theory.A, h, first="d"), lambda h: 1.0),
    Rule(
        "alternating, 5 D steps",
        "1",
        {"d_steps": 5},
        lambda h: theory.one_round(theory.A, h, first="d", d_steps=5),
        lambda h: 1.0,
    ),
    Rule(
        "extragradient",
        "√((1 − h²)² + h²)",
        {"update": "extragradient"},
        theory.extragradient,
        theory.extragradient_factor,
    ),
    Rule(
        "optimistic",
        "√((1 + √(1 − 4h²)) / 2)",
        {"update": "optimistic"},
        theory.optimistic,
        theory.optimistic_factor,
    ),
    Rule(
        "unrolled, 5 steps",
        "√(1 − 10h²)",
        {"update": "unrolled", "unroll": 5},
        lambda h: theory.unrolled(h, 5),
        lambda h: theory.unrolled_factor(h, 5),
    ),
    Rule(
        "lookahead, k 5, α 0.5",
        "√(1 − (1 − cos 5φ)/2)",
        {"update": "lookahead", "lookahead_k": 5, "lookahead_alpha": 0.5},
        lambda h: theory.lookahead(h, 5, 0.5),
        lambda h: theory.lookahead_factor(h, 5, 0.5),
        5,
    ),
    *(
        Rule(
            f"momentum {mu:g}, {update}".replace("-", "−"),
            words,
            {"update": update, "optimizer": "momentum", "momentum": mu},
            _momentum(theory.momentum, mu, first),
            _momentum(theory.momentum_factor, mu, first),
        )
        for update, first, words in (
            ("simultaneous", "both", "(λ − 1)(λ − μ) = ihλ"),
            ("alternating", "d", "(λ − 1)²(λ − μ)² = −h²λ³"),
        )
        for mu in (0.5, -0.5)
    ),
)

RATES = (0.05, 0.1, 0.15)


BILINEAR = "bilinear game"


def bilinear(rules: Sequence[Rule] = RULES) -> list[Row]:
    """Update rules on θψ: the map of a round, and its factor."""
    rows = []
    for rule in rules:
        starts = np.tile([START, (-0.5, 1.0)], (len(RATES), 1))
        settings = [plain("wasserstein", lr=h, **rule.setting) for h in np.repeat(RATES, 2).tolist()]
        path = play(make_game(settings, starts), 60)[:: rule.every].reshape(-1, len(RATES), 2, 2)
        apart, factors = [], []
        for k, h in enumerate(RATES):
            matrix = rule.matrix(h)
            # what a rule remembers: the state before the first step, or a velocity of 0
            memory = starts[:2] if rule.name == "optimistic" else np.zeros((2, 2))
            state = np.concatenate([starts[:2], memory], 1)[:, : len(matrix)]
            for seen in path[:, k]:
                apart.append(np.abs(seen - state[:, :2]).max() / max(1, np.abs(state).max()))
                state = state @ matrix.T
            # a pair of complex eigenvalues takes the area between two states by |λ|² a round, once the rest is gone
            half = len(path) // 2
            area = np.abs(np.linalg.det(path[[half, -1], k]))
            factors.append(float(area[1] / area[0]) ** (0.5 / (len(path) - 1 - half)))
        about = f"|λ|: {rule.what}" + (f", of {rule.every} rounds" if rule.every > 1 else "")
        rows.append(Row(BILINEAR, rule.name, "its matrix's powers: off by", (0.0,), (float(max(apart)),), 1e-12))
        rows.append(Row(BILINEAR, rule.name, about, tuple(map(rule.factor, RATES)), tuple(factors), 1e-8))
    return rows


def conserved() -> list[Row]:
    """What players that move at once, and in turns, do to quadratic forms of that game's state."""
    rows = []
    settings = [plain("wasserstein", lr=h, update="simultaneous") for h in RATES]
    square = np.square(play(make_game(settings, np.tile(START, (3, 1))), 50)).sum(2)
    what = "θ² + ψ² times 1 + h² a round"
    gains = tuple((square[1:] / square[:-1]).mean(0).tolist())
    rows.append(Row(BILINEAR, "simultaneous", what, tuple(1 + h * h for h in RATES), gains, 1e-13))
    for first, steps, what in (
        ("d", 1, "θ² + ψ² − hθψ kept, D first: change"),
        ("g", 1, "θ² + ψ² + hθψ kept, G first: change"),
        ("d", 5, "5θ² + ψ² − 5hθψ kept, D first: change"),
    ):
        settings = [plain("wasserstein", lr=h, d_steps=steps) for h in RATES]
        path = play(make_game(settings, np.tile(START, (3, 1))), 100, generator_first=first == "g")
        forms = np.stack([theory.invariant(h, first=first, d_steps=steps) for h in RATES])
        kept = np.einsum("tmi,mij,tmj->tm", path, forms, path)
        name = "alternating" if steps == 1 else f"alternating, {steps} D steps"
        rows.append(Row(BILINEAR, name, what, (0.0,), (float(np.ptp(kept / kept[0], 0).max()),), 1e-12))
    return rows


def plain(loss: str, **how: Any) -> Setting:
    """A game's setting: gradient descent, one step of either player, one point a batch, but for what is said."""
    own: dict[str, Any] = {"loss": loss, "optimizer": "sgd", "d_steps": 1, "batch_size": 1, "lr": STEP}
    return Setting(**own | how)


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
        known = [theory.field(name, theta, psi, 1.0, best, **alphas) for theta, psi in states.tolist()]
        what = "field at four states, data at 1: off by"
        rows.append(Row("losses, Dirac game", title, what, (0.0,), (float(np.abs(v - known).max()),), 1e-12))
        for real in (0.0, 1.0):
            rows += jacobian_rows(
                "losses, Dirac game",
                title,
                f"data at {real:g}" + (", o = ½" if name == "lsgan" else ""),
                theory.of_loss(name, real, **alphas),
                setting,
                (real, 0.0),
                real=real,
                offset=best,
            )
    w, offset = 0.2, theory.smoothed_output(0.2)
    smoothed = plain("nonsaturating", penalty=f"label_smoothing:{w:g}")
    expected = theory.of_smoothing(w, 1.0)
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
        e, found = nearest(expected.tolist(), _eigenvalues(jacobian()))
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
    centre = theory.jacobian(0.5, 0), theory.eigenvalues(0.5, 0)

    def gp(weight: float, verdict: str) -> Method:
        setting = wgan | {"penalty": f"gp:{weight:g}", "slope": 0.7}
        known = theory.jacobian(1, 2 * weight), theory.of_gp(weight), "−w ± √(w² − 1), for ψ > 0"
        return Method(setting, *known, (verdict, verdict), (1.4 * weight, 0.0), 0.3)

    def of_slope(loss: dict[str, Any], name: str, gamma: float) -> Method:
        setting = loss | {"penalty": f"{name}:{gamma:g}"}
        known = theory.jacobian(0.5, gamma), theory.of_slope_penalty(gamma), "−γ/2 ± √(γ²/4 − ¼)"
        return Method(setting, *known, ("converges", "converges"))

    return {
        "GAN": Method(gan, *centre, "±i/2", ("diverges", "cycles")),
        "NS-GAN": Method(ns, *centre, "±i/2", ("cycles", "converges slowly")),
        "WGAN clip 1": Method(
            wgan | {"penalty": "clip:1"},
            theory.jacobian(1, 0),
            theory.eigenvalues(1, 0),
            "±i",
            ("cycles", "cycles"),
        ),
        "WGAN-GP 1": gp(1.0, "settles elsewhere"),
        "WGAN-GP 0.3": gp(0.3, "cycles"),
        "instance noise 0.7": Method(
            gan | {"penalty": "instance_noise:0.7"},
            theory.jacobian(0.5, 0.7**2 / 2),
            theory.of_noise(0.7),
            "−s²/4 ± √(s⁴/16 − ¼)",
            ("converges", "converges"),
            batch=31,
        ),
        "consensus 1": Method(
            gan | {"penalty": "consensus:1"},
            theory.jacobian(0.5, 0.25, 0.25),
            theory.of_consensus(1.0),
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
SLOW = 0.05  # a second rate, for what holds in the limit of small ones


@dataclass(frozen=True)
class Walk:
    """A method's rounds on a schedule, from (1, 1) at rates `STEP` and `SLOW`, (T + 1, 2); and displacements from `at`
    of two starts near it, in two directions, at `STEP`, (T + 1, 2, 2)."""

    path: Array
    slow: Array
    near: Array


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
        for h in (STEP, SLOW, STEP, STEP)
    ]
    starts = np.concatenate([_starts(METHODS[name]) for name in together])
    game = make_game(settings, starts, batch=METHODS[together[0]].batch)
    path = play(game, ROUNDS, generator_first=update == "alternating")
    own = [path[:, 4 * k : 4 * k + 4] for k in range(len(together))]
    return [Walk(p[:, 0], p[:, 1], p[:, 2:] - METHODS[name].at) for p, name in zip(own, together, strict=True)]


def _starts(method: Method) -> Array:
    # small, as what is predicted is linear; but where the game is that, on its side, for some rounds in full numbers
    near = np.array([(-1, 0.5), (-1, 0.1)]) * 1e-2 if method.beside else np.array([(-1, 0.5), (-0.5, -1)]) * 1e-6
    return np.concatenate([[START, START], method.at + near])


def dirac(found: Mapping[str, Mapping[str, Walk]]) -> list[Row]:
    """Every method: its Jacobian, what that says of small steps, where the game leads."""
    rows = []
    for name, method in METHODS.items():
        rows += _linear(name, method)
        if name in found:
            rows += _rates(name, method, found[name])
    return [*rows, *_courses(found)]


SECTION = "Dirac game"


def _linear(name: str, method: Method) -> list[Row]:
    def make(starts: Array) -> Game:
        return make_game([plain(**method.setting)] * len(starts), np.asarray(starts), batch=method.batch)

    at = np.add(method.at, (0, method.beside))
    entries = tuple(jacobian_by_differences(make, at.tolist()).ravel().tolist())
    rows = [Row(SECTION, name, "J by differences", tuple(method.jacobian.ravel().tolist()), entries, 1e-6)]
    found = _eigenvalues(jacobian_by_autograd(make(at[None]), at.tolist()))
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
        matrix = theory.one_round(method.jacobian, STEP, first=first, d_steps=d_steps)
        both = np.linalg.eigvals(matrix)
        expected.append(float(np.abs(both).max()))
        radii = np.sqrt(np.square(seen.near).sum((1, 2)))
        exact = not method.beside and method.batch == 1  # else rounding leaves the equilibrium a little off
        double = bool(abs(both[0] - both[1]) < 1e-6)
        fitted.append(rate_of(radii, double=double, least=1e-200 if exact else 1e-12))
        determinants.append(float(np.linalg.det(matrix)))
        area = np.linalg.det(seen.near[[0, 8]])
        areas.append(float(area[1] / area[0]) ** (1 / 8))
    e = tuple(expected)
    rows = [Row(SECTION, name, "area a round: at once, in turns, 5 D", tuple(determinants), tuple(areas), 1e-8)]
    if name != "WGAN-GP 0.3":  # which leaves the side
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
        known = tuple(theory.slow_square(ROUNDS * h, 2.0) for h in (STEP, SLOW))
        rows.append(Row(SECTION, "NS-GAN", "end θ² + ψ²: 1/(½ + t/8), h 0.2, 0.05", known, squares, 0.01))
        end = float(np.square(at_once.path[-1]).sum())
        rows.append(
            Row(SECTION, "NS-GAN", "end θ² + ψ², simultaneous: 2h", (theory.slow_cycle(STEP),), (end,), 0.1 * STEP)
        )
    if "WGAN clip 1" in found:
        clipped = found["WGAN clip 1"]
        highest = float(np.abs(clipped["simultaneous"].path[1:, 1]).max())
        rows.append(Row(SECTION, "WGAN clip 1", "largest |ψ|", (1.0,), (highest,), 0.0))
        end = float(np.hypot(*clipped["alternating"].slow[-1]))
        rows.append(Row(SECTION, "WGAN clip 1", "end radius: 1, h 0.05", (1.0,), (end,), SLOW))
    if "WGAN-GP 1" in found:
        ends = tuple(float(np.hypot(*seen.path[-1])) for seen in found["WGAN-GP 1"].values())
        known = (theory.gp_amplitude(1.0, 0.7),) * len(ends)
        rows.append(Row(SECTION, "WGAN-GP 1", "end radius: 2wk", known, ends, 1e-6))
    if "WGAN-GP 0.3" in found:
        far = float(np.abs(found["WGAN-GP 0.3"]["alternating"].slow[-250:, 0]).max())
        known = (theory.gp_amplitude(0.3, 0.7),)
        rows.append(Row(SECTION, "WGAN-GP 0.3", "largest |θ|: 2wk(1 + q)/(1 − q), h 0.05", known, (far,), 0.02))
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
         theory.of_slope_penalty(0.6), {}),
        ("dragan", "data of no width: as gp", wgan | {"penalty": "dragan:0.3"}, (0.42, 0.3),
         theory.of_gp(0.3), {}),
        ("gp_one_sided", "|ψ| < k: nothing asked", wgan | {"penalty": "gp_one_sided:0.3"}, (0, 1e-7),
         theory.eigenvalues(1, 0), {}),
        ("gp_one_sided", "ψ > k: as gp", wgan | {"penalty": "gp_one_sided:0.3"}, (0.42, 0.9), theory.of_gp(0.3), {}),
        ("r1+r2", "κ = γ₁ + γ₂", gan | {"penalty": "r1:0.2+r2:0.3"}, (0, 0), theory.of_slope_penalty(0.5), {}),
        ("r1", "data at 1: κ = ½ + γ", gan | {"penalty": "r1:0.3"}, (1, 0), theory.eigenvalues(0.5, 0.8), {"real": 1}),
        ("r1", "lsgan, o = ½", {"loss": "lsgan", "penalty": "r1:0.3"}, (0, 0), theory.of_slope_penalty(0.3),
         {"offset": 0.5}),
        ("r1", "hinge: critical at γ 2", {"loss": "hinge", "penalty": "r1:2"}, (0, 0),
         theory.of_slope_penalty(2, 1), {}),
        ("r1+r2", "relativistic", {"loss": "relativistic", "penalty": "r1:0.3+r2:0.3"}, (0, 0),
         theory.of_slope_penalty(0.6), {}),
        ("consensus", "wasserstein: −γ ± i", {"loss": "wasserstein", "penalty": "consensus:0.2"}, (0, 0),
         theory.of_consensus(0.2, 1), {}),
    )  # fmt: skip
    for name, what, setting, at, expected, how in cases:
        rows += jacobian_rows(section, name, what, expected, plain(**setting), at, **how)
    return rows


# --- penalties, of a D with known slopes -----------------------------------------------------------------------------


class Bowl:
    """D(x) = a·x + ½ xᵀBx in the plane: flat (M, 6), a and then B's rows; logits (M, B, 1)."""

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        a, b = flat[:, None, :2], flat[:, 2:].unflatten(1, (2, 2))
        return (a * x + 0.5 * x * (x @ b.mT)).sum(2, keepdim=True)


def terms() -> list[Row]:
    """Penalties on slopes, their values and gradients; and the rest by their own formulas."""
    section, rows = "penalties", []
    stream = np.random.default_rng(0)
    flat, slope = stream.normal(size=(2, 6)), np.array([1.0, 0.7])
    real, fake, normal = stream.normal(size=(3, 2, 7, 2))
    uniform = stream.uniform(size=(2, 7, 1))
    tensors = [torch.from_numpy(array) for array in (real, fake, uniform, normal, slope[:, None])]
    points = Points(tensors[0], tensors[1], *tensors[2:])
    looked_at = {
        "gp": fake + uniform * (real - fake),
        "gp_one_sided": fake + uniform * (real - fake),
        "r1": real,
        "r2": fake,
        "dragan": real + 0.5 * real.std((1, 2), keepdims=True) * normal,
    }
    D, parameters = Bowl(), torch.from_numpy(flat).requires_grad_()
    for name, x in looked_at.items():
        term = PENALTIES[name].term
        assert term is not None
        values = term(lambda x: D.at(parameters, x).squeeze(-1), points)
        (gradient,) = torch.autograd.grad(values.sum(), parameters)
        known = [theory.slope_penalty(name, p[:2], p[2:].reshape(2, 2), x[m], slope[m]) for m, p in enumerate(flat)]
        what = "value; D(x) = a·x + ½ xᵀBx"
        rows.append(Row(section, name, what, tuple(v for v, _, _ in known), tuple(values.tolist()), 1e-12))
        apart = np.abs(gradient.numpy() - [[*a, *b.ravel()] for _, a, b in known]).max()
        rows.append(Row(section, name, "its gradient by a and B: off by", (0.0,), (float(apart),), 1e-12))
    return [*rows, *_formulas(section), *spectral(section)]


def _formulas(section: str) -> list[Row]:
    real, fake = torch.tensor([[1.0, -2.0, 0.4]]).double(), torch.tensor([[0.3, 0.1, 5.0]]).double()
    smoothing = tuple(
        penalties.label_smoothing(LOSSES[name], real, fake).item() for name in ("nonsaturating", "minimax", "lsgan")
    )
    mean = real.mean().item()  # log σ(t) − log σ(−t) = t, and ½t² − ½(t − 1)² = t − ½
    known = mean, mean, mean - 0.5
    weights = torch.tensor([[-3.0, 0.05, 0.2], [-3.0, 0.05, 0.2]], dtype=torch.float64)
    bounds = torch.tensor([0.1, 0.0], dtype=torch.float64)
    clipped = [tuple(row) for row in games.clip(weights, bounds).tolist()]
    noisy = plain("minimax", penalty="instance_noise:0.7", anneal=10)
    game, stds = make_game([noisy], np.array([START]), batch=31), []
    for made in (0, 4, 10, 11):
        game.made = made
        noise = game.d_batch().noise
        assert noise is not None
        stds.append(noise[0].std(unbiased=False).item())
    at = torch.tensor([[3.0, 4.0]]).double()
    return [
        Row(section, "label_smoothing", "logarithmic: E D(x); lsgan: E D(x) − ½", known, smoothing, 1e-12),
        Row(section, "clip", "(−3, 0.05, 0.2), to within 0.1", (-0.1, 0.05, 0.1), clipped[0], 0),
        Row(section, "clip", "and of a member without a bound", (-3.0, 0.05, 0.2), clipped[1], 0),
        Row(
            section,
            "instance_noise",
            "std 0.7(1 − n/10), n 0, 4, 10, 11",
            (0.7, 0.42, 0, 0),
            tuple(stds),
            1e-12,
        ),
        Row(section, "consensus", "½(|(3, 4)|² + |(6, 8)|²)", (62.5,), (games.consensus(at, 2 * at).item(),), 0),
    ]


def spectral(section: str) -> list[Row]:
    """What spectral normalisation makes of an MLP, and of a D of one weight."""
    norms = (0.7, 1.3)
    D = MLP([2, 8, 8, 1], [0, 1], "weights_d", spectral=norms, dtype=torch.float64)
    for _ in range(1000):
        D.follow()
    rows = []
    for m, c in enumerate(norms):
        found = tuple(float(np.linalg.norm(matrix[m, :-1].detach().numpy(), 2)) for matrix in D.plain().matrices)
        rows.append(Row(section, "spectral", f"norms of an MLP's layers, weight {c:g}", (c, c, c), found, 1e-9))
    # what does not change with W's length has no slope along W
    flat = D.flat.detach().requires_grad_()
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 2)))
    (gradient,) = torch.autograd.grad(D.at(flat, x).square().sum(), flat)
    along = [
        float((g[:, :-1] * w[:, :-1]).sum().abs() / (g[:, :-1].norm() * w[:, :-1].norm()))
        for g, w in zip(D.layers(gradient), D.layers(D.flat), strict=True)
    ]
    rows.append(Row(section, "spectral", "cosine of a layer's W and its gradient", (0.0,), (max(along),), 1e-12))
    # D(x) = W x + b with one W: c sign(W) x + b
    line = MLP([1, 1], [0, 1], "weights_d", spectral=norms, dtype=torch.float64)
    with torch.no_grad():
        line.matrices[0][:, 0, 0], line.matrices[0][:, 1, 0] = torch.tensor([0.3, -2.0]).double(), 0
    line.follow()
    settings = [plain("wasserstein", penalty=f"spectral:{c:g}") for c in norms]
    game = Game(Point(torch.ones(2, 1).double()), line, settings, Fixed(2), dimensions=1)
    path = play(game, 20)
    moved, known = path[-1, :, 0] - path[0, :, 0], (20 * STEP * 0.7, -20 * STEP * 1.3)
    what = "D(x) = c sign(ψ) x: θ goes ch a step, ±"
    rows.append(Row(section, "spectral", what, known, tuple(moved.tolist()), 1e-12))
    rested = tuple((path[-1, :, 1] - path[0, :, 1]).tolist())
    return [*rows, Row(section, "spectral", "and ψ, of which D is no function, rests", (0.0, 0.0), rested, 1e-12)]


def flat() -> list[Row]:
    """Slope penalties where D is exactly flat, as a ReLU network is where none of its units is on: who differentiates
    a step, as consensus and unrolled steps do, must find numbers there."""
    rows = []
    for name in ("gp", "gp_one_sided", "dragan"):
        state = np.array([(1.0, 0.0)])
        v = descents(make_game([plain("minimax", penalty=f"{name}:1+consensus:1")], state), state)
        word = "finite" if np.isfinite(v).all() else "not finite"
        rows.append(Row("penalties", name, "steps with consensus where D is flat", "finite", word, 0))
    return rows


# --- optimisers and the average of weights ---------------------------------------------------------------------------


def optimisers() -> list[Row]:
    """Optimisers down the constant slope that a D that rests gives G, by `step` and by `ahead`; G's average."""
    rows, n, psi = [], 20, 0.37
    for name in OPTIMIZERS:
        setting = plain("wasserstein", optimizer=name, momentum=0.9, beta2=0.99, lr=0.05, train="g")
        game = make_game([setting], np.array([(1.0, psi)]))
        optimizer = game.optimizers["g"]
        flat, state = game.g.clone(), tuple(part.clone() for part in optimizer.state)
        for _ in range(n):
            flat, state = optimizer.ahead(flat, torch.full_like(flat, -psi), state)
        path = play(game, n)
        known = theory.travelled(name, n, 0.05, psi, momentum=0.9, beta2=0.99)
        what = f"{n} steps at slope {psi:g}: made, looked ahead"
        ways = (float(path[-1, 0, 0] - 1), flat.item() - 1)
        rows.append(Row("optimisers", name, what, (known, known), ways, 1e-6))
    setting = Setting(ema=0.9, hidden=4, layers=1, batch_size=8)
    stack = AutogradStack([setting], [0], Curves(1, range(1, n + 1)), 1, torch.device("cpu"), torch.float64)
    weights = [stack.G.flat.clone()]
    for step in range(n):
        stack.advance(step, step + 1)
        weights.append(stack.G.flat.clone())
    shares = [0.9**n] + [0.1 * 0.9 ** (n - k) for k in range(1, n + 1)]
    average = torch.stack([share * w for share, w in zip(shares, weights, strict=True)]).sum(0)
    apart = float((stack.average - average).abs().max())
    what = "0.9ⁿ w₀ + 0.1 Σ 0.9ⁿ⁻ᵏ w_k: off by"
    return [*rows, Row("optimisers", "ema", what, (0.0,), (apart,), 1e-12)]


# --- all of it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    rows: list[Row]
    walks: dict[str, dict[str, Walk]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    @property
    def radii(self) -> dict[str, dict[str, float]]:
        """√(θ² + ψ²) of every method after `ROUNDS` rounds from (1, 1) at rate `STEP`, by schedule."""
        return {
            name: {schedule: float(np.hypot(*seen.path[-1])) for schedule, seen in by.items()}
            for name, by in self.walks.items()
        }


TICKS = len(METHODS) + 7


def check(tick: Tick = lambda amount: None, workers: int = 1) -> Found:
    """Every row, and the Dirac game's rounds; `tick` is told `TICKS` in all."""
    rows = []
    for section in (bilinear, conserved, losses):
        rows += section()
        tick(1)
    found = walks(tick=tick, workers=workers)
    rows += dirac(found)
    for section in (more, terms, flat, optimisers):
        rows += section()
        tick(1)
    return Found(rows, found)


def rows() -> list[Row]:
    """Every prediction beside what the code did of it."""
    return check().rows


def table(found: Found) -> str:
    """The rows as aligned text, section by section, and the end radii."""
    lines = [["", "", "expected", "measured", ""]]
    titles: dict[int, str] = {}
    for row in found.rows:
        if row.section not in titles.values():
            titles[len(lines)] = row.section
        verdict = "holds" if row.passed else "FAILS"
        lines.append([f"  {row.name}", row.what, written(row.expected), written(row.measured), verdict])
    ends = [[f"√(θ² + ψ²) from (1, 1), {ROUNDS} rounds, h {STEP:g}", *SCHEDULES]]
    ends += [[f"  {name}", *(written((radii[s],), 3) for s in SCHEDULES)] for name, radii in found.radii.items()]
    failed = sum(not row.passed for row in found.rows)
    verdict = f"{failed} of {len(found.rows)} rows FAIL" if failed else f"all {len(found.rows)} rows hold"
    return (
        f"{_aligned(lines, titles)}\n\n{_aligned(ends, {})}\n\n{verdict}; rates of the bilinear game "
        f"{', '.join(f'{h:g}' for h in RATES)}, of the others {STEP:g} where none is said"
    )


def _aligned(lines: Sequence[Sequence[str]], titles: Mapping[int, str]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    printed = []
    for number, line in enumerate(lines):
        printed += [titles[number]] if number in titles else []
        printed.append("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip())
    return "\n".join(printed)


PANELS = {  # R1's and R2's rounds are the same here, as D's slope is everywhere ψ
    "GAN": "GAN",
    "NS-GAN": "NS-GAN",
    "WGAN clip 1": "WGAN, clip 1",
    "WGAN-GP 1": "WGAN-GP, w 1",
    "WGAN-GP 0.3": "WGAN-GP, w 0.3",
    "instance noise 0.7": "instance noise, std 0.7",
    "consensus 1": "consensus, γ 1",
    "NS-GAN R1 0.3": "NS-GAN, R1, γ 0.3",
    "R1 0.3": "GAN, R1 or R2, γ 0.3",
    "R1 1": "GAN, R1 or R2, γ 1",
}


def portraits(found: Found) -> Figure:
    """The Dirac game's rounds from (1, 1), of every method, on its field."""
    from portraits import REACH, Portrait, portraits_figure

    line = np.linspace(-REACH, REACH, 24)  # an even number: none on ψ = 0, where gp's field jumps
    states = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    panels = []
    for name, title in PANELS.items():
        method, by = METHODS[name], found.walks[name]
        game = make_game([plain(**method.setting)] * len(states), states, batch=method.batch)
        v = descents(game, states).reshape(len(line), len(line), 2)
        paths = by["simultaneous"].path, by["alternating"].path
        values = written(tuple(method.eigenvalues.tolist()), 3) + (" for ψ > 0" if method.beside else "")
        panels.append(Portrait(title, values, (verdict_of(paths[0]), verdict_of(paths[1])), v, *paths))
    said = f"{ROUNDS} rounds from (1, 1), rate {STEP:g}; in turns G is first. λ: eigenvalues of the field's Jacobian"
    return portraits_figure("The Dirac game: one point to learn, D(x) = ψx", said, panels)


def draw(found: Found, path: Path) -> None:
    """Write the portraits, as `figures.save` does."""
    from figures import save

    save(portraits(found), path)


def written(value: Value, digits: int = 4) -> str:
    """A value in words: a conjugate pair as one ±, minus signs real, zero without a sign."""
    if isinstance(value, str):
        return value

    def plainly(x: float) -> str:
        return f"{x + 0.0:.{digits}g}".replace("-", "−") if x else "0"

    if not any(isinstance(x, complex) for x in value):
        return ", ".join(plainly(x.real) for x in value)
    # what rounding leaves is not shown
    shown = [complex(*(0.0 if abs(part) < 1e-7 else part for part in (x.real, x.imag))) for x in map(complex, value)]
    if len(shown) == 2 and shown[0].imag and abs(shown[0] - shown[1].conjugate()) < 1e-7:
        size = plainly(abs(shown[0].imag))
        imaginary = "i" if size == "1" else f"{size}i"
        return f"{plainly(shown[0].real)} ± {imaginary}" if shown[0].real else f"±{imaginary}"
    return ", ".join(plainly(x.real) + (f" + {plainly(x.imag)}i".replace("+ −", "− ") if x.imag else "") for x in shown)


def as_record(found: Found) -> dict[str, Any]:
    """The same as plain values; a complex number is [real, imaginary]."""

    def values(value: Value) -> Any:
        if isinstance(value, str):
            return value
        return [[finite(x.real), finite(x.imag)] if isinstance(x, complex) else finite(x) for x in value]

    def finite(x: float) -> float | None:  # JSON has no other numbers
        return float(x) if math.isfinite(x) else None

    return {
        "rows": [
            {
                "section": row.section,
                "name": row.name,
                "what": row.what,
                "expected": values(row.expected),
                "measured": values(row.measured),
                "tolerance": row.tolerance,
                "passed": row.passed,
            }
            for row in found.rows
        ],
        "radii": {name: {s: finite(r) for s, r in radii.items()} for name, radii in found.radii.items()},
        "passed": found.passed,
    }
