"""Update rules: who moves when, and against whom.

An update rule plays rounds of a `Playable` game: `begin` is what comes before a round's first generator step, `step` a
generator step. A rule's `state` holds what it carries from round to round, as tensors. It moves players through the
game alone (`descend`, `move`), which keeps D within its constraints, and looks at D where it is not with `elsewhere`.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor

from dynamics.games.optimizers import Optimizer, State
from dynamics.settings.catalogue.games import RULES
from dynamics.settings.catalogue.matching import matching


class Playable(Protocol):
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

    def __init__(self, game: Playable) -> None:
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

    def __init__(self, game: Playable) -> None:
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

    def __init__(self, game: Playable) -> None:
        super().__init__(game)
        self.last = {player: torch.zeros_like(getattr(game, player)) for player in "dg"}
        self.made = {player: torch.zeros((), device=game.g.device) for player in "dg"}
        self.state = (*self.state, *self.last.values(), *self.made.values())

    def descend_d(self) -> None:
        self._descend("d", self.game.gradient("d", self.game.g, self.game.d, self.game.d_batch()))

    def descend_g(self) -> None:
        self._descend("g", self._gradient_g())

    def _descend(self, player: str, gradient: Tensor) -> None:
        present, optimizer = getattr(self.game, player), self.game.optimizers[player]
        flat, state = optimizer.ahead(present, gradient, optimizer.state)
        change = flat - present
        before = torch.where(self.made[player] > 0, self.last[player], change)
        self.game.move(player, present + (2 * change - before), state)
        self.last[player].copy_(change)
        self.made[player].fill_(1)


class Extragradient(Alternating):
    """Gradients where a simultaneous step would lead, applied where the players are (Korpelevich 1976).

    Gidel et al. 2019, algorithm 4: an optimiser's moments are updated by both gradients, each on a batch of its own."""

    d_steps = 0  # D's step is a part of G's

    def step_in(self, phase: Hashable) -> None:
        game = self.game
        ahead, states = {}, {}
        for player, batch in (("d", game.d_batch()), ("g", game.g_batch())):
            optimizer, present = game.optimizers[player], getattr(game, player)
            gradient = game.gradient(player, game.g, game.d, batch)
            ahead[player], states[player] = present, optimizer.state
            if game.plays(player):
                ahead[player], states[player] = optimizer.ahead(present, gradient, optimizer.state)
        with game.elsewhere():
            if game.plays("d"):
                ahead["d"] = game.reach(ahead["d"])
            gradients = {
                player: game.gradient(player, ahead["g"], ahead["d"], batch, record=False)
                for player, batch in (("d", game.d_batch()), ("g", game.g_batch()))
            }
        for player, gradient in gradients.items():
            if game.plays(player):
                present = getattr(game, player)
                game.move(player, *game.optimizers[player].ahead(present, gradient, states[player]))


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

    def __init__(self, game: Playable) -> None:
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
matching("update rule", RULES, UPDATES, "games/update_rules.py")
