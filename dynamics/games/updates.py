"""Optimisers and update rules: how a player moves along its gradient, and who moves when.

An **optimiser** changes one player's parameters, of all members of a stack, in a few operations. It owns its state and
nothing else. Parameters and gradients are flat, (M, P), contiguous; hyperparameters are given for each member. Every
operation is carried out number by number, so a member's result is the same in any company. `step` changes the
parameters in place; `ahead` is the same step as a function, differentiable, for rules that only look at where it leads.

An **update rule** plays rounds of a `Game`: `begin` is what comes before a round's first generator step, `step` a
generator step. A rule's `state` holds what it carries from round to round, as tensors. It moves players through the
game alone (`descend`, `move`), which keeps D within its constraints, and looks at D where it is not with `elsewhere`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor

from dynamics.settings.setting import Setting

State = tuple[Tensor, ...]

# --- optimisers ------------------------------------------------------------------------------------------------------


class Optimizer:
    """One player's parameters `flat` (M, P), and for each member a setting and a learning rate."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        self.flat = flat
        self.lr = self._column(rates)
        self.state: State = ()  # what a step changes beside the parameters

    def _column(self, values: Sequence[float]) -> Tensor:
        """One number a member, (M, 1)."""
        return torch.tensor(values, dtype=torch.float64, device=self.flat.device).to(self.flat.dtype).unsqueeze(1)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """Where a step from `flat` down `gradient` leads, and with what state; changes nothing."""
        raise NotImplementedError

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.move(*self.ahead(self.flat, gradient, self.state))

    def move(self, flat: Tensor, state: State) -> None:
        """Go where `ahead` led."""
        self.flat.copy_(flat)
        for own, new in zip(self.state, state, strict=True):
            own.copy_(new)

    def rates(self) -> Tensor:
        """What a gradient is multiplied by in a step that repeats nothing of earlier ones, (M, P) or (M, 1)."""
        return self.lr


class SGD(Optimizer):
    """Gradient descent: p ← p − lr · g."""

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        return flat - gradient * self.lr, ()


class Momentum(Optimizer):
    """v ← μ v + g, p ← p − lr · v; μ, --momentum, may be negative (Polyak 1964; Gidel et al. 2019)."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.share = self._column([s.momentum for s in settings])
        self.state = (torch.zeros_like(flat),)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        velocity = self.share * state[0] + gradient
        return flat - self.lr * velocity, (velocity,)


class RMSprop(Optimizer):
    """v ← β₂ v + (1 − β₂) g², p ← p − lr · g / (√v + 10⁻⁸) (Tieleman & Hinton 2012), as torch.optim.RMSprop."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.beta2 = self._column([s.beta2 for s in settings])
        self.state = (torch.zeros_like(flat),)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        square = self.beta2 * state[0] + (1 - self.beta2) * gradient.square()
        return flat - self.lr * gradient / (_root(square) + 1e-8), (square,)

    def rates(self) -> Tensor:
        return self.lr / (self.state[0].sqrt() + 1e-8)


class Adam(Optimizer):
    """Kingma & Ba 2015, algorithm 1, with ε = 1e-8 added as torch.optim.Adam does: p ← p − lr · m̂ / (√v̂ + ε).

    The step is torch's fused kernel, one pass over the numbers instead of seven, which counts where they no longer lie
    in the cache; it takes one set of hyperparameters, so members in a row with the same share a call. The kernel is
    what `torch.optim.Adam(fused=True)` calls and has no public name; a test holds it to `torch.optim.Adam`.
    """

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.steps = torch.zeros((), device=flat.device)  # a tensor, so that a captured graph can count
        self.state = (self.mean, self.square, self.steps)
        self.beta1, self.beta2 = (self._column([getattr(s, name) for s in settings]) for name in ("beta1", "beta2"))
        # rows, and what they share: parameters, means, squares and the kernel's arguments
        self.runs: list[tuple[slice, list[Tensor], list[Tensor], list[Tensor], dict[str, Any]]] = []
        for rows, (rate, b1, b2) in _runs([(r, s.beta1, s.beta2) for r, s in zip(rates, settings, strict=True)]):
            how: dict[str, Any] = {"lr": rate, "beta1": b1, "beta2": b2, "eps": 1e-8, "weight_decay": 0.0}
            how |= {"amsgrad": False, "maximize": False}
            self.runs.append((rows, [flat[rows]], [self.mean[rows]], [self.square[rows]], how))

    def step(self, gradient: Tensor) -> None:
        self.steps += 1
        for rows, flat, mean, square, how in self.runs:
            torch._fused_adam_(flat, [gradient[rows]], mean, square, [], [self.steps], **how)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        mean, square, steps = state
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * gradient.square()
        steps = steps + 1
        scale = _root(square / (1 - self.beta2 ** steps.to(flat.dtype))) + 1e-8
        return flat - self.lr / (1 - self.beta1 ** steps.to(flat.dtype)) * mean / scale, (mean, square, steps)

    def rates(self) -> Tensor:
        steps = self.steps.clamp(min=1).to(self.flat.dtype)
        return self.lr / ((self.square / (1 - self.beta2**steps)).sqrt() + 1e-8)


def _root(square: Tensor) -> Tensor:
    """√, with a slope of 0 at 0: a weight that no gradient has reached yet stays, whoever looks ahead."""
    if not square.requires_grad:
        return square.sqrt()
    return torch.where(square > 0, torch.where(square > 0, square, 1).sqrt(), 0)


def _runs(values: Sequence[tuple[float, ...]]) -> list[tuple[slice, tuple[float, ...]]]:
    """The slices of equal neighbours, and their values."""
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return [(slice(a, b), values[a]) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD, "momentum": Momentum, "rmsprop": RMSprop}


def make_optimizer(player: str, flat: Tensor, settings: Sequence[Setting]) -> Optimizer:
    """The optimiser of one player, "g" or "d", with parameters `flat` (M, P), for a setting a member."""
    first = settings[0]
    name = (first.optimizer_g if player == "g" else first.optimizer_d) or first.optimizer
    rates = [s.generator_lr if player == "g" else s.discriminator_lr for s in settings]
    return OPTIMIZERS[name](flat, settings, rates)


# --- update rules ----------------------------------------------------------------------------------------------------


class Game(Protocol):
    """What a rule asks of a game (game.py is the real one); players are "g" and "d", their parameters (M, P)."""

    g: Tensor
    d: Tensor
    d_steps: int
    g_steps: int
    unroll: int
    lookahead_k: int
    lookahead_alpha: Tensor
    optimizers: dict[str, Optimizer]

    def d_batch(self) -> Any: ...
    def g_batch(self) -> Any: ...
    def d_loss(self, g: Tensor, d: Tensor, batch: Any) -> Tensor: ...
    def g_loss(self, g: Tensor, d: Tensor, batch: Any, *, record: bool = False, answering: bool = False) -> Tensor: ...
    def gradient(self, player: str, g: Tensor, d: Tensor, batch: Any, *, record: bool = True) -> Tensor: ...
    def descend(self, player: str, gradient: Tensor) -> None: ...
    def move(self, player: str, flat: Tensor, state: State | None = None) -> None: ...
    def plays(self, player: str) -> bool: ...
    @property
    def directions(self) -> State: ...
    def elsewhere(self, directions: State = ()) -> AbstractContextManager[None]: ...
    def reach(self, d: Tensor) -> Tensor: ...


class Alternating:
    """D's steps, then G's, each at the other's newest parameters (Goodfellow et al. 2014, algorithm 1)."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.state: State = ()

    @property
    def d_steps(self) -> int:
        """D steps before a round's first generator step."""
        return self.game.d_steps

    @property
    def phase(self) -> Hashable:
        """What tells the next generator step from others that carry out other operations."""
        return None

    def begin(self) -> None:
        """What comes before a round's first generator step: its D steps."""
        self.open()
        for _ in range(self.d_steps):
            self.descend_d()

    def open(self) -> None:
        """What comes before a round's D steps."""

    def step(self) -> None:
        """A generator step."""
        self.step_in(self.phase)

    def step_in(self, phase: Hashable) -> None:
        """A generator step of this phase: the same operations whatever the numbers are."""
        self.descend_g()

    def descend_d(self) -> None:
        self.game.descend("d", self.game.gradient("d", self.game.g, self.game.d, self.game.d_batch()))

    def descend_g(self) -> None:
        self.game.descend("g", self.game.gradient("g", self.game.g, self.game.d, self.game.g_batch()))


class Simultaneous(Alternating):
    """Both players' steps against the other as it was when the round began."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.before, *self.directions = (tensor.clone() for tensor in self._now())
        self.state = (self.before, *self.directions)

    def _now(self) -> State:
        return (self.game.d, *self.game.directions)

    def open(self) -> None:
        for kept, now in zip((self.before, *self.directions), self._now(), strict=True):
            kept.copy_(now)  # G stands still until its step

    def descend_g(self) -> None:
        self.game.descend("g", self._gradient_g())

    def _gradient_g(self) -> Tensor:
        with self.game.elsewhere(tuple(self.directions)):
            return self.game.gradient("g", self.game.g, self.before, self.game.g_batch())


class Optimistic(Simultaneous):
    """Simultaneous, each step twice, less the one before (Daskalakis et al. 2018, eq. 4 and algorithm 1).

    p ← p + 2 Δ − Δ_before, where Δ is the optimiser's own step. The first is made once."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.last = {player: torch.zeros_like(getattr(game, player)) for player in "dg"}
        self.made = {player: torch.zeros((), device=game.g.device) for player in "dg"}
        self.state = (*self.state, *self.last.values(), *self.made.values())

    def descend_d(self) -> None:
        self._descend("d", self.game.gradient("d", self.game.g, self.game.d, self.game.d_batch()))

    def descend_g(self) -> None:
        self._descend("g", self._gradient_g())

    def _descend(self, player: str, gradient: Tensor) -> None:
        own, optimizer = getattr(self.game, player), self.game.optimizers[player]
        flat, state = optimizer.ahead(own, gradient, optimizer.state)
        change = flat - own
        before = torch.where(self.made[player] > 0, self.last[player], change)
        self.game.move(player, own + (2 * change - before), state)
        self.last[player].copy_(change)
        self.made[player].fill_(1)


class Extragradient(Alternating):
    """Gradients where a simultaneous step would lead, applied where the players are (Korpelevich 1976).

    Gidel et al. 2019, algorithm 4: an optimiser's moments are updated by both gradients, each on a batch of its own."""

    d_steps = 0  # D's step is a part of G's

    def step_in(self, phase: Hashable) -> None:
        game = self.game
        there, states = {}, {}
        for player, batch in (("d", game.d_batch()), ("g", game.g_batch())):
            optimizer, own = game.optimizers[player], getattr(game, player)
            gradient = game.gradient(player, game.g, game.d, batch)
            there[player], states[player] = own, optimizer.state
            if game.plays(player):
                there[player], states[player] = optimizer.ahead(own, gradient, optimizer.state)
        with game.elsewhere():
            if game.plays("d"):
                there["d"] = game.reach(there["d"])
            found = {
                player: game.gradient(player, there["g"], there["d"], batch, record=False)
                for player, batch in (("d", game.d_batch()), ("g", game.g_batch()))
            }
        for player, gradient in found.items():
            if game.plays(player):
                own = getattr(game, player)
                game.move(player, *game.optimizers[player].ahead(own, gradient, states[player]))


class Unrolled(Alternating):
    """Alternating, but G sees --unroll further D steps coming (Metz et al. 2017, eq. 9).

    G descends its loss against the D that those steps make, through them; where the game has one value, the whole of
    it, as its real term too depends on G then. They are taken on the batch of the G step, by D's optimiser, and taken
    back."""

    def descend_g(self) -> None:
        game = self.game
        batch = game.g_batch()
        g = game.g.detach().requires_grad_()
        d, state = game.d.detach().requires_grad_(), game.optimizers["d"].state
        with game.elsewhere():
            for _ in range(game.unroll):
                (gradient,) = torch.autograd.grad(game.d_loss(g, d, batch).sum(), d, create_graph=True)
                d, state = game.optimizers["d"].ahead(d, gradient, state)
                d = game.reach(d)
            (gradient,) = torch.autograd.grad(game.g_loss(g, d, batch, record=True, answering=True).sum(), g)
        game.descend("g", gradient)


class Lookahead(Alternating):
    """Alternating, but both players go part of their way back every --lookahead-k rounds (Chavdarova et al. 2021).

    They keep a share --lookahead-alpha of it (algorithm 1)."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.slow = {player: getattr(game, player).clone() for player in "dg"}
        self.steps = torch.zeros((), dtype=torch.int64, device=game.g.device)
        self.state = (*self.slow.values(), self.steps)

    @property
    def phase(self) -> Hashable:
        return (int(self.steps) + 1) % (self.game.g_steps * self.game.lookahead_k) == 0

    def step_in(self, phase: Hashable) -> None:
        super().step_in(phase)
        self.steps += 1
        if phase:
            for player, slow in self.slow.items():
                fast = getattr(self.game, player)
                self.game.move(player, slow + self.game.lookahead_alpha * (fast - slow))
                slow.copy_(fast)  # as the game has it: a constraint on D holds here too


UPDATES: dict[str, type[Alternating]] = {
    "alternating": Alternating,
    "simultaneous": Simultaneous,
    "extragradient": Extragradient,
    "optimistic": Optimistic,
    "unrolled": Unrolled,
    "lookahead": Lookahead,
}
