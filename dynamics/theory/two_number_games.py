"""Games of two numbers: the smallest players that the methods' own code can train, and what is measured of them.

Only the two players are made here, of one number each; losses, penalties, optimisers, update rules and the game are
those that train. Many starts, rates and weights are the members of one stack, float64. Real points and latents are
constants, and instance noise a symmetric grid of normal quantiles of variance exactly 1: a batch is no estimate.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from dynamics.games import penalties
from dynamics.games.game import Game
from dynamics.settings.setting import Setting

Array = NDArray[Any]
Value = str | tuple[complex, ...]

STEP, ROUNDS, START = 0.2, 500, (1.0, 1.0)  # of courses that are shown
MIRRORED = (1.0, -1.0)  # the (1, 1) of who counts ψ the other way round


@dataclass(frozen=True)
class Prediction:
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


class PointGenerator:
    """A generator that gives its one parameter for every latent: flat (M, 1), points (M, B, 1)."""

    def __init__(self, flat: Tensor) -> None:
        self.flat = flat

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        return flat.unsqueeze(1).expand(-1, x.shape[1], -1)


class LineDiscriminator:
    """D(x) = offset + ψ x: flat (M, 1), logits (M, B, 1) of points (M, B, 1)."""

    def __init__(self, flat: Tensor, offset: float = 0.0) -> None:
        self.flat, self.offset = flat, offset

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        return self.offset + flat.unsqueeze(1) * x


class FixedSource:
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
    source = FixedSource(len(settings), batch, real)
    game = Game(PointGenerator(theta.clone()), LineDiscriminator(psi.clone(), offset), settings, source, dimensions=1)
    game.begin()
    return game


def play(game: Game, rounds: int, *, generator_first: bool = False) -> Array:
    """Where a game is before and after each of so many rounds, (rounds + 1, M, 2)."""
    seen = [torch.cat([game.g, game.d], 1)]
    for made in range(rounds):
        game.at_step(made)
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


def eigenvalues(matrix: Array) -> list[complex]:
    """Both, or nan where the matrix is not finite."""
    return np.linalg.eigvals(matrix).astype(complex).tolist() if np.isfinite(matrix).all() else [math.nan, math.nan]


def nearest(
    expected: Sequence[complex], measured: Sequence[complex]
) -> tuple[tuple[complex, ...], tuple[complex, ...]]:
    """Two pairs of eigenvalues, the second in the order that is closer to the first."""
    e, f = tuple(map(complex, expected)), tuple(map(complex, measured))
    straight, crossed = (max(abs(e[0] - x), abs(e[1] - y)) for x, y in (f, f[::-1]))
    return e, f if straight <= crossed else f[::-1]


def plain(loss: str, **options: Any) -> Setting:
    """A game's setting: gradient descent, one step of either player, one point a batch, but for what is said."""
    usual: dict[str, Any] = {"loss": loss, "optimizer": "sgd", "d_steps": 1, "batch_size": 1, "lr": STEP}
    return Setting(**usual | options)
