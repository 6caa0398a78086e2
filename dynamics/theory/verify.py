"""Are the methods the algorithms that their names say? Their own code, on games whose answers are known (theory.py).

Every row is a prediction beside what the code did: update rules on the bilinear game, methods on the Dirac game
(diracgame.py), penalties of a D with known slopes, optimisers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.engine.reference import AutogradStack
from dynamics.games import game as games
from dynamics.games import penalties
from dynamics.games.game import Game
from dynamics.games.losses import LOSSES
from dynamics.games.networks import MLP
from dynamics.games.optimizers import OPTIMIZERS
from dynamics.games.penalties import PENALTIES, Points
from dynamics.settings.setting import Setting
from dynamics.theory import exact
from dynamics.theory.diracgame import METHODS, SCHEDULES, Tick, Walk, dirac, losses, more, verdict_of, walks
from dynamics.theory.minigames import (
    ROUNDS,
    START,
    STEP,
    Array,
    Fixed,
    Point,
    Row,
    Value,
    descents,
    make_game,
    plain,
    play,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        lambda h: exact.one_round(exact.A, h),
        lambda h: math.sqrt(1 + h * h),
    ),
    Rule("alternating", "1", {}, lambda h: exact.one_round(exact.A, h, first="d"), lambda h: 1.0),
    Rule(
        "alternating, 5 D steps",
        "1",
        {"d_steps": 5},
        lambda h: exact.one_round(exact.A, h, first="d", d_steps=5),
        lambda h: 1.0,
    ),
    Rule(
        "extragradient",
        "√((1 − h²)² + h²)",
        {"update": "extragradient"},
        exact.extragradient,
        exact.extragradient_factor,
    ),
    Rule(
        "optimistic",
        "√((1 + √(1 − 4h²)) / 2)",
        {"update": "optimistic"},
        exact.optimistic,
        exact.optimistic_factor,
    ),
    Rule(
        "unrolled, 5 steps",
        "√(1 − 10h²)",
        {"update": "unrolled", "unroll": 5},
        lambda h: exact.unrolled(h, 5),
        lambda h: exact.unrolled_factor(h, 5),
    ),
    Rule(
        "lookahead, k 5, α 0.5",
        "√(1 − (1 − cos 5φ)/2)",
        {"update": "lookahead", "lookahead_k": 5, "lookahead_alpha": 0.5},
        lambda h: exact.lookahead(h, 5, 0.5),
        lambda h: exact.lookahead_factor(h, 5, 0.5),
        5,
    ),
    *(
        Rule(
            f"momentum {mu:g}, {update}".replace("-", "−"),
            words,
            {"update": update, "optimizer": "momentum", "momentum": mu},
            _momentum(exact.momentum, mu, first),
            _momentum(exact.momentum_factor, mu, first),
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
        forms = np.stack([exact.invariant(h, first=first, d_steps=steps) for h in RATES])
        kept = np.einsum("tmi,mij,tmj->tm", path, forms, path)
        name = "alternating" if steps == 1 else f"alternating, {steps} D steps"
        rows.append(Row(BILINEAR, name, what, (0.0,), (float(np.ptp(kept / kept[0], 0).max()),), 1e-12))
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
        known = [exact.slope_penalty(name, p[:2], p[2:].reshape(2, 2), x[m], slope[m]) for m, p in enumerate(flat)]
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
        game.at_step(made)
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
        known = exact.travelled(name, n, 0.05, psi, momentum=0.9, beta2=0.99)
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
        return self._radii(lambda seen: seen.path)

    @property
    def mirrored_radii(self) -> dict[str, dict[str, float]]:
        """The same from (1, −1), where the authors of the game begin: their ψ has the other sign."""
        return self._radii(lambda seen: seen.mirrored)

    def _radii(self, path: Callable[[Walk], Array]) -> dict[str, dict[str, float]]:
        return {
            name: {schedule: float(np.hypot(*path(seen)[-1])) for schedule, seen in by.items()}
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
    ends = []
    for start, ended in (("(1, 1)", found.radii), ("(1, −1), the authors' (1, 1)", found.mirrored_radii)):
        ends += [[f"√(θ² + ψ²) from {start}, {ROUNDS} rounds, h {STEP:g}", *SCHEDULES]]
        ends += [[f"  {name}", *(written((radii[s],), 3) for s in SCHEDULES)] for name, radii in ended.items()]
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
    from dynamics.pictures.portraits import REACH, Portrait, portraits_figure

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
    from dynamics.pictures.figures import save

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
        **{
            key: {name: {s: finite(r) for s, r in radii.items()} for name, radii in ended.items()}
            for key, ended in (("radii", found.radii), ("mirrored_radii", found.mirrored_radii))
        },
        "passed": found.passed,
    }
