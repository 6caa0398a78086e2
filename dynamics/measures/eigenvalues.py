"""How a game turns about where it is: the multipliers of one round, linearised about a trained pair.

Near any state x = (g, d) of both players, a round of training is a linear map of the difference between two trainings
that lie close together. Its eigenvalues μ, the *multipliers*, say what becomes of the difference: |μ| < 1 lets it die
away, |μ| > 1 lets it grow, and a complex pair |μ| e^{±iθ} turns it by θ a round, with a period of 2π / θ rounds (of
GANs' fields: Mescheder et al. 2017, Nagarajan & Kolter 2017; of their maps: Gidel et al. 2019).

**The map.** A step of a player moves its parameters by −R v: v is its gradient (with penalties and consensus) on a
batch of `PROBE` points that stays the same, R the step sizes of its optimiser at the moment. Linearised at x,

    I + J_d:  d ← d − R_d (∂v_d/∂g g + ∂v_d/∂d d),        I + J_g:  g ← g − R_g (∂v_g/∂g g + ∂v_g/∂d d),

and a round is the product of its steps, in the order of the update rule. *Alternating* play is
(I + J_g)^g_steps (I + J_d)^d_steps, which is not I + J_g + J_d: they differ at second order in the step, as a circle
differs from a spiral. *Simultaneous* play gives G's steps the d of the round's beginning; *extragradient* takes both
gradients where a step leads; *optimistic* play carries its last step along; *lookahead* is k rounds and the way back,
its multipliers a round the k-th roots. Momentum, Adam's β₁ too, is carried along as a part of the state. All these are
the exact maps of the game that is linear about x; clipping holds what a step leaves at its bound. Held fixed are Adam's
and RMSprop's squared gradients, Adam's correction for a young mean, and the vectors of spectral normalisation.
*Unrolled* play looks ahead through the optimiser's changing step sizes, and is not linearised here: NaN.

**What is told of it:**

| score | meaning |
|---|---|
| `spectrum_rotation` | θ of the leading pair, radians a round |
| `spectrum_contraction` | \\|μ\\| of it: what a round leaves of such a difference |
| `spectrum_period` | 2π / θ, rounds |
| `spectrum_expansion` | the largest \\|μ\\| of all that are found, less 1 |

The *leading* pair is, of the five with the largest imaginary parts, the one with the largest |μ| of those that turn by
more than |log |μ||, so by a radian at least while their size changes by a factor e. Five, as a mean and a covariance in
the plane have five numbers, which G can swing about the target's. The fastest pair alone will not do: it has often died
away within a few rounds, and a heavy ball has fast ones of its own at |μ| = √β, stiff directions that swing about their
ends. Nor will the largest |μ| of all: that is one of the many near 1 that hardly turn, with periods of 10⁴ rounds and
more that no run shows. Without such a pair, three scores are NaN. `spectrum_expansion` is at least 0 where there are
weights without influence, which stay as they are.

Products with the derivatives of v come from differentiating backwards twice, so every penalty will do, and the map is
built whole only where it has at most 256 rows. Otherwise its eigenvalues are ARPACK's, each to a residual of 10⁻⁴ |μ|,
always from the same start; those that it does not find are left out.

The derivative is that of the gradient on a batch. Where a point crosses a kink of a network (ReLU), its own gradient
jumps; on average over points that is a slope, which no point's derivative has. So for networks with kinks a share of
∂v/∂g and ∂v/∂d is missing: docs/spectrum.md says how much. Smooth activations have none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs
from torch import Tensor

from dynamics.base.streams import Streams
from dynamics.games.game import Batch, Game
from dynamics.games.networks import MLP, make_pair
from dynamics.games.penalties import consensus
from dynamics.settings.catalogue.games import OPTIMIZERS, RULES
from dynamics.settings.catalogue.matching import matching
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for
from dynamics.targets.sampling import draw_real

SCORES = ("spectrum_rotation", "spectrum_contraction", "spectrum_period", "spectrum_expansion")
PROBE = 512
_PAIRS = 5  # that turn fastest: as many as a mean and a covariance have numbers
_DENSE = 256  # rows
_TOGETHER = 64  # columns made in one pass
_TURNS = 1e-6  # radians a round: less is rounding
_TOLERANCE = 1e-4
_BASIS, _RESTARTS = 40, 6  # vectors that ARPACK works with, and how often it begins again

PerPlayer = tuple[Tensor, Tensor]  # of G's numbers and of D's
State = dict[str, Tensor]


class Linearised(NamedTuple):
    """How a round of an update rule differs from D's steps and then G's, each at where the players have come to."""

    stale: bool = False  # G's steps are at D as it was when the round began
    twice: bool = False  # each step is made twice, less the one before
    ahead: bool = False  # each step is by the gradient where a step of both would lead
    part_of_way: bool = False  # after --lookahead-k rounds a share --lookahead-alpha of their way is kept


LINEARISED: dict[str, Linearised] = {  # update rules that `Round` has
    "alternating": Linearised(),
    "simultaneous": Linearised(stale=True),
    "extragradient": Linearised(ahead=True),
    "optimistic": Linearised(stale=True, twice=True),
    "lookahead": Linearised(part_of_way=True),
}
_RULES = {name: facts for name, facts in RULES.items() if facts.linearised}
matching("linearised update rule", _RULES, LINEARISED, "measures/eigenvalues.py")


def spectrum_scores(
    players: tuple[MLP, MLP], rates: PerPlayer, settings: Sequence[Setting], seeds: Sequence[int], step: int
) -> dict[str, np.ndarray]:
    """The `SCORES` of the M pairs of two stacks, each (M,).

    `players` are G and D as they train, `rates` their optimisers' step sizes, (M, P) or (M, 1) each, both as
    `train.Snapshot` has them; `seeds` give the batches, `step`, generator steps made, the size of instance noise.
    Members are looked at one by one: none depends on the others, and one whose numbers are not finite has NaN.
    """
    scores = np.full((len(SCORES), len(settings)), np.nan)
    for m, (setting, seed) in enumerate(zip(settings, seeds, strict=True)):
        if RULES[setting.rule].linearised:
            game = member_game(players, m, setting, seed, step)
            member_rates = (_row(rates[0], m), _row(rates[1], m))
            scores[:, m] = scores_of(*multipliers(game, member_rates))
    return dict(zip(SCORES, scores, strict=True))


def scores_of(turning: np.ndarray, largest: np.ndarray) -> tuple[float, float, float, float]:
    """The `SCORES`, from `multipliers`."""
    sizes = np.abs(np.concatenate([turning, largest]))
    expansion = float(sizes.max() - 1) if len(sizes) else np.nan
    turning = turning[np.angle(turning) > np.abs(np.log(np.abs(turning)))]
    if not len(turning):
        return np.nan, np.nan, np.nan, expansion
    pair = turning[np.argmax(np.abs(turning))]
    return float(np.angle(pair)), float(np.abs(pair)), float(2 * np.pi / np.angle(pair)), expansion


def multipliers(game: Game, rates: PerPlayer) -> tuple[np.ndarray, np.ndarray]:
    """Complex multipliers a round of a game of one pair, float64 throughout, about its present parameters.

    First those of the five pairs of largest imaginary part, one of each, at most 5; then the largest, at most 2.
    Fewer where there are not as many, or not found; none where a number is not finite. `rates` (1, P) or (1, 1) are
    what G's and D's gradients are multiplied by in a step. Raises ``ValueError`` for a rule that is not `LINEARISED`.
    """
    if game.setting.rule not in LINEARISED:
        raise ValueError(f"{game.setting.rule} play is not linearised")
    if not all(bool(torch.isfinite(x).all()) for x in (game.g, game.d, *rates)):
        return np.empty(0, complex), np.empty(0, complex)
    linear = Round(game, rates)
    try:
        turning, largest = _eigenvalues(linear)
    except FloatingPointError:
        return np.empty(0, complex), np.empty(0, complex)
    if linear.rounds > 1:
        turning, largest = turning ** (1 / linear.rounds), largest ** (1 / linear.rounds)
    return turning, largest


def _eigenvalues(linear: Round) -> tuple[np.ndarray, np.ndarray]:
    n = linear.size
    if n <= _DENSE:
        everything = np.linalg.eigvals(linear.matrix()).astype(complex)
        turning = largest = everything
    else:
        start = np.random.default_rng(0).standard_normal(n)
        operator = LinearOperator((n, n), matvec=linear, dtype=np.float64)
        turning, largest = (_arpack(operator, start, which, k) for which, k in (("LI", 2 * _PAIRS), ("LM", 2)))
    turning = np.where(turning.imag < 0, turning.conj(), turning)
    turning = turning[np.angle(turning) * (turning.imag > 0) > _TURNS * linear.rounds]
    turning = turning[np.argsort(-turning.imag, kind="stable")]
    # a pair comes as two, equal to rounding; where only one of them was found, as one
    twice = np.abs(np.diff(turning, prepend=np.inf)) < 1e-9
    return turning[~twice][:_PAIRS], largest[np.argsort(-np.abs(largest), kind="stable")][:2]


def _arpack(operator: LinearOperator, start: np.ndarray, which: str, k: int) -> np.ndarray:
    """Up to k eigenvalues, those that converged."""
    try:
        values = eigs(
            operator,
            k,
            which=which,
            v0=start,
            ncv=_BASIS,
            maxiter=_RESTARTS,
            tol=_TOLERANCE,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as error:
        values = error.eigenvalues
    except ArpackError:
        values = np.empty(0)
    return np.asarray(values, complex)


class Round:
    """A round of a game of one pair, as a linear map of its state: (size,) -> (size,), or of k side by side, (size, k).

    The state, float64, holds what a round changes: the learners' parameters, and what their optimisers and the update
    rule carry along. `rounds` is how many rounds the map is of. A product that is not finite raises
    ``FloatingPointError``.
    """

    def __init__(self, game: Game, rates: PerPlayer) -> None:
        self.game, self.rule = game, LINEARISED[game.setting.rule]
        self.learners = [p for p in "gd" if game.plays(p)]
        self.rates = dict(zip("gd", rates, strict=True))
        g, d = (flat.detach().clone().requires_grad_() for flat in (game.g, game.d))
        self.zero = {"g": torch.zeros_like(g), "d": torch.zeros_like(d)}
        self.slopes: dict[str, tuple[list[Tensor], Tensor]] = {}
        self.free = torch.ones_like(d)  # 0 for weights of D that its step leaves at their bound
        for player in self.learners:
            batch = game.d_batch() if player == "d" else game.g_batch()
            gradient = _gradient(game, player, g, d, batch)
            if player == "d":
                moved = d.detach() - self.rates["d"] * gradient.detach()
                self.free = (game.project(moved) == moved).to(d)
            weight = torch.zeros_like(gradient).requires_grad_()
            # linear in `weight`, by which it is differentiated once more for a product; it may not depend on it at all
            back = torch.autograd.grad(gradient, (g, d), weight, create_graph=True, materialize_grads=True)
            self.slopes[player] = [b + 0 * weight.sum() for b in back], weight
        self.memory = {player: _memory(game.setting, player) for player in self.learners}
        self.used = {player: getattr(net, "used", net.flat.shape[1]) for player, net in (("g", game.G), ("d", game.D))}
        carried = [f"memory {p}" for p in self.learners if self.memory[p][0]]
        carried += [f"last {p}" for p in self.learners] if self.rule.twice else []
        self.names = [*self.learners, *carried]
        self.rounds = game.lookahead_k if self.rule.part_of_way else 1
        self.size = sum(self.used[name[-1]] for name in self.names)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        state, at = {}, 0
        rows = torch.from_numpy(np.array(vectors.T, np.float64)).unsqueeze(-2)  # (1, size) or (k, 1, size)
        for name in self.names:
            count, zero = self.used[name[-1]], self.zero[name[-1]]
            state[name] = torch.nn.functional.pad(rows[..., at : at + count], (0, zero.shape[1] - count))
            at += count
        state = self._play(state)
        out = torch.cat([state[name][..., 0, : self.used[name[-1]]] for name in self.names], -1).numpy().T
        if not np.isfinite(out).all():
            raise FloatingPointError("the linearised round is not finite")
        return out

    def matrix(self) -> np.ndarray:
        """The map as (size, size)."""
        return np.hstack(
            [self(columns) for columns in np.array_split(np.eye(self.size), -(-self.size // _TOGETHER), 1)]
        )

    def _play(self, state: State) -> State:
        end = dict(state)
        for _ in range(self.rounds):
            end = self._round(end)
        if self.rule.part_of_way:
            alpha = self.game.lookahead_alpha
            end |= {player: state[player] + alpha * (end[player] - state[player]) for player in self.learners}
        return end

    def _round(self, state: State) -> State:
        """One round; changes the given state."""
        if self.rule.ahead:
            ahead = dict(state)
            for player in self.learners:
                self._step(player, ahead, state)
            after = {**ahead, **{player: state[player] for player in self.learners}}
            for player in self.learners:
                self._step(player, after, ahead)
            return after
        before = dict(state)
        for player, steps in (("d", self.game.d_steps), ("g", self.game.g_steps)):
            for _ in range(steps if player in self.learners else 0):
                stale = player == "g" and self.rule.stale
                self._step(player, state, {**state, "d": before["d"]} if stale and "d" in before else state)
        return state

    def _step(self, player: str, state: State, at: State) -> None:
        """A step of one player, in place, by the gradient at another state."""
        (of_g, of_d), weight = self.slopes[player]
        where = [at[p] if p in at else self.zero[p].expand(*at[player].shape[:-1], -1) for p in "gd"]
        (slope,) = torch.autograd.grad(
            (of_g, of_d), weight, where, retain_graph=True, is_grads_batched=state[player].ndim == 3
        )
        share, fresh = self.memory[player]
        change = -fresh * self.rates[player] * slope
        if share:
            change = state[f"memory {player}"] = share * state[f"memory {player}"] + change
        if self.rule.twice:
            last, state[f"last {player}"] = state[f"last {player}"], change
            change = 2 * change - last
        moved = state[player] + change
        state[player] = moved * self.free if player == "d" else moved


def _gradient(game: Game, player: str, g: Tensor, d: Tensor, batch: Batch) -> Tensor:
    """`Game.gradient` as a function of both players that can be differentiated."""
    if "consensus" in game.penalties:
        of_d, of_g = game.field(g, d, batch)
        together = (game.penalties["consensus"] * consensus(of_g, of_d)).sum()
        descended, flat = (of_d, d) if player == "d" else (of_g, g)
        return descended + torch.autograd.grad(together, flat, create_graph=True)[0]
    loss, flat = (game.d_loss, d) if player == "d" else (game.g_loss, g)
    return torch.autograd.grad(loss(g, d, batch).sum(), flat, create_graph=True)[0]


def _memory(setting: Setting, player: str) -> tuple[float, float]:
    """The share of its last step that an optimiser repeats, and what the new gradient is multiplied by beside."""
    name = (setting.optimizer_g if player == "g" else setting.optimizer_d) or setting.optimizer
    return MEMORIES[name](setting)


MEMORIES: dict[str, Callable[[Setting], tuple[float, float]]] = {  # optimiser -> what `_memory` says of it
    "adam": lambda setting: (setting.beta1, 1 - setting.beta1),
    "sgd": lambda setting: (0.0, 1.0),
    "momentum": lambda setting: (setting.momentum, 1.0),
    "rmsprop": lambda setting: (0.0, 1.0),
}
matching("optimizer", OPTIMIZERS, MEMORIES, "measures/eigenvalues.py")


# --- a member of a stack as a game of its own ------------------------------------------------------------------------


class Probe:
    """A `game.Source` of one member that always gives the same: `PROBE` points or, where D judges several together,
    the next fewer that fill its packs."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self.seed, self.size = seed, PROBE - PROBE % setting.packing
        target, count = target_for(setting), setting.data_size
        self.z = self.normal("probe_latent", self.size, setting.latent_dim)
        if count:  # the fixed data set that it is trained on
            data = draw_real([target], count, self._stream("data_choice"), self._stream("data_noise"))
            place = (self.uniform("probe_choice", self.size) * count).long()[0]
            self.real = data[:, place].double()
        else:
            choice, noise = self._stream("probe_choice"), self._stream("probe_noise")
            self.real = draw_real([target], self.size, choice, noise).double()

    def _stream(self, purpose: str) -> Streams:
        return Streams([self.seed], purpose)

    def latents(self) -> Tensor:
        return self.z

    def reals(self) -> Tensor:
        return self.real

    def g_reals(self) -> Tensor:
        return self.real

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return torch.from_numpy(self._stream(purpose).uniform(*shape)).double()

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return torch.from_numpy(self._stream(purpose).normal(*shape)).double()


def member_game(players: tuple[MLP, MLP], m: int, setting: Setting, seed: int, step: int) -> Game:
    """Member m of two stacks as a game of one, in float64, after `step` generator steps, on the points of `Probe`."""
    G, D = make_pair([setting], [seed], dtype=torch.float64)
    for member, network in zip((G, D), players, strict=True):
        member.flat.copy_(_row(network.flat, m))
        for mine, theirs in zip(member.directions, network.directions, strict=True):
            for vector, of_stack in zip(mine, theirs, strict=True):
                vector.copy_(_row(of_stack, m))
    game = Game(G, D, [setting], Probe(setting, seed))
    game.at_step(step)
    return game


def _row(values: Tensor, m: int) -> Tensor:
    """Member m's (1, ...)."""
    return values[m : m + 1].detach().to("cpu", torch.float64).clone()
