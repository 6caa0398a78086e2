"""The game: two stacks of players, what each descends at any parameters of both, and how it moves.

Losses are functions of both players' parameters (M, P) and of a batch, so that update rules can look at parameters
other than the present ones, differentiate through steps, and be tried on games of two numbers with a known answer
(theory/). A player is anything with parameters `flat` (M, P) and outputs `at(flat, x)`: `networks.MLP`, or less.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from dynamics.games.losses import make_loss
from dynamics.games.optimizers import State, make_optimizer
from dynamics.games.penalties import PENALTIES, Judge, Points, clip, consensus, label_smoothing, noise_std
from dynamics.games.update_rules import UPDATES, Alternating
from dynamics.settings.catalogue.games import AROUND, BETWEEN, RULES
from dynamics.settings.setting import Setting


class Network(Protocol):
    flat: Tensor

    def at(self, flat: Tensor, x: Tensor) -> Tensor: ...


class Source(Protocol):
    """Where a game's random numbers come from: each call gives the next ones."""

    def latents(self) -> Tensor:
        """z (M, B, latent_dim)."""

    def reals(self) -> Tensor:
        """Real points (M, B, 2), for D."""

    def g_reals(self) -> Tensor:
        """Real points (M, B, 2), for a G step that sees any."""

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """Uniforms (M, *shape) in [0, 1)."""

    def normal(self, purpose: str, *shape: int) -> Tensor:
        """Standard normals (M, *shape)."""


class Batch(NamedTuple):
    """What one gradient is an estimate from. Noise is drawn with it, so that losses are functions."""

    z: Tensor
    real: Tensor | None
    uniform: Tensor | None  # where penalties look
    normal: Tensor | None
    noise: tuple[Tensor, Tensor] | None  # of real and of fake points, (M, B, 2), times its standard deviation


class Game:
    """M games of one structure: G and D, the losses, penalties, optimisers and update rule of their settings."""

    def __init__(
        self, G: Network, D: Network, settings: Sequence[Setting], source: Source, *, dimensions: int = 2
    ) -> None:
        self.G, self.D, self.source, self.dimensions = G, D, source, dimensions
        self.setting = first = settings[0]
        self.g, self.d = G.flat, D.flat
        self.learners = {"both": "dg", "d": "d", "g": "g"}[first.train]
        # a player that does not learn is looked at once a round
        self.d_steps, self.g_steps = first.d_steps if "d" in self.learners else 1, first.g_steps
        self.unroll, self.lookahead_k = first.unroll, first.lookahead_k
        self.lookahead_alpha = self._numbers([s.lookahead_alpha for s in settings]).unsqueeze(1)
        self.loss = make_loss(settings)
        self.slope = self._numbers([s.slope for s in settings]).unsqueeze(1)
        self.penalties = {name: self._numbers([s.penalties[name] for s in settings]) for name in first.penalties}
        self.optimizers = {player: make_optimizer(player, getattr(self, player), settings) for player in "dg"}
        self.noise = self._numbers([0.0] * len(settings))  # std of instance noise, as it is now
        self.at_step(0)
        self.d_means = self.d.new_zeros(3, len(settings))  # D's loss, mean D(x), mean D(G(z)), as last recorded
        self.g_mean = self.g.new_zeros(len(settings))  # G's loss
        self.rule: Alternating = UPDATES[first.rule](self)

    def _numbers(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).to(self.g)

    def at_step(self, made: int) -> None:
        """Before the next generator step: `made` is the number of those before, which instance noise falls by."""
        if "instance_noise" in self.penalties:
            self.noise.copy_(noise_std(self.penalties["instance_noise"], made, self.setting.anneal))

    @property
    def state(self) -> dict[str, State]:
        """Everything that a step changes: what a game is resumed from, beside its random numbers."""
        means = (self.d_means, self.g_mean)
        tensors = {
            "g": (self.g,),
            "d": (self.d,),
            "directions": self.directions,
            "rule": self.rule.state,
            "means": means,
        }
        return tensors | {f"optimizer_{player}": optimizer.state for player, optimizer in self.optimizers.items()}

    # --- batches -----------------------------------------------------------------------------------------------------

    def d_batch(self) -> Batch:
        """The next batch of a D step."""
        return self._batch(self.source.latents(), self.source.reals())

    def g_batch(self) -> Batch:
        """The next batch of a G step; with real points and penalties' noise where the step looks at D's loss."""
        z = self.source.latents()
        of_d = "consensus" in self.penalties or RULES[self.setting.rule].ahead
        return self._batch(z, self.source.g_reals() if of_d or self.loss.facts.paired else None, of_d)

    def _batch(self, z: Tensor, real: Tensor | None, of_d: bool = True) -> Batch:
        source, names, judgements = self.source, self.penalties, z.shape[1] // self.setting.packing
        slopes = {PENALTIES[name].facts.slopes for name in names}
        between, around = BETWEEN in slopes, AROUND in slopes
        noise = None
        if "instance_noise" in names:
            std = self.noise[:, None, None]
            draws = (source.normal("instance_noise", z.shape[1], self.dimensions) for _ in range(2))
            noise = (std * next(draws), std * next(draws))
        return Batch(
            z,
            real,
            source.uniform("penalty_uniform", judgements, 1) if of_d and between else None,
            source.normal("penalty_noise", judgements, self.dimensions * self.setting.packing)
            if of_d and around
            else None,
            noise,
        )

    # --- losses, each (M,), at parameters (M, P) of both -------------------------------------------------------------

    def judge(self, d: Tensor) -> Judge:
        """D with parameters d: points (M, B, n) as it sees them -> logits (M, B)."""
        return lambda x: self.D.at(d, x).squeeze(-1)

    def _seen(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Points (M, B, 2) as D sees them: with noise, and m together, (M, B / m, 2m)."""
        x = x if noise is None else x + noise
        m = self.setting.packing
        return x if m == 1 else x.reshape(x.shape[0], x.shape[1] // m, m * x.shape[2])

    def _points(self, g: Tensor, batch: Batch) -> Points:
        assert batch.real is not None
        of_real, of_fake = batch.noise or (None, None)
        real, fake = self._seen(batch.real, of_real), self._seen(self.G.at(g, batch.z), of_fake)
        return Points(real, fake, batch.uniform, batch.normal, self.slope)

    def d_loss(self, g: Tensor, d: Tensor, batch: Batch, *, record: bool = False) -> Tensor:
        """What D descends: its loss and its penalties. What is recorded is the loss without them."""
        points, judge = self._points(g, batch), self.judge(d)
        if self.setting.minibatch_std:  # real and fake points each see their own
            on_real, on_fake = judge(points.real), judge(points.fake)
        else:
            on_real, on_fake = judge(torch.cat([points.real, points.fake], 1)).split(points.real.shape[1], 1)
        loss = self.loss.discriminator(on_real, on_fake)
        if record:
            means = (loss, torch.sigmoid(on_real).mean(1), torch.sigmoid(on_fake).mean(1))
            self.d_means.copy_(torch.stack([mean.detach() for mean in means]))
        for name, weight in self.penalties.items():
            term = PENALTIES[name].term
            if term is not None:
                loss = loss + weight * term(judge, points)
            elif name == "label_smoothing":
                loss = loss + weight * label_smoothing(self.loss, on_real, on_fake)
        return loss

    def g_loss(self, g: Tensor, d: Tensor, batch: Batch, *, record: bool = False, answering: bool = False) -> Tensor:
        """What G descends; where d is D's answer to g, the value's real term with it, which depends on g through d.
        What is recorded is the loss without it."""
        of_real, of_fake = batch.noise or (None, None)
        judge = self.judge(d)
        on_fake = judge(self._seen(self.G.at(g, batch.z), of_fake))
        if self.loss.facts.paired:
            assert batch.real is not None
            loss = self.loss.generator(on_fake, judge(self._seen(batch.real, of_real)))
        else:
            loss = self.loss.generator(on_fake)
        if record:
            self.g_mean.copy_(loss.detach())
        if answering and self.loss.real_term is not None:
            assert batch.real is not None
            loss = loss + self.loss.real_term(judge(self._seen(batch.real, of_real)))
        return loss

    def gradient(self, player: str, g: Tensor, d: Tensor, batch: Batch, *, record: bool = True) -> Tensor:
        """What a player's step goes down, (M, P): the slope of its loss, and of the game's consensus, at (g, d)."""
        if "consensus" not in self.penalties:
            if player == "d":
                d = d.detach().requires_grad_()
                return torch.autograd.grad(self.d_loss(g, d, batch, record=record).sum(), d)[0]
            g = g.detach().requires_grad_()
            return torch.autograd.grad(self.g_loss(g, d, batch, record=record).sum(), g)[0]
        g, d = (flat.detach().requires_grad_() for flat in (g, d))
        of_d, of_g = self.field(g, d, batch, record=record)
        together = (self.penalties["consensus"] * consensus(of_g, of_d)).sum()
        descended, flat = (of_d, d) if player == "d" else (of_g, g)
        return descended.detach() + torch.autograd.grad(together, flat)[0]

    def field(self, g: Tensor, d: Tensor, batch: Batch, *, record: bool = False) -> tuple[Tensor, Tensor]:
        """Slopes of D's loss in d and of G's in g, without consensus, as functions of both: they can be differentiated.

        g and d require gradients."""
        d_loss, g_loss = self.d_loss(g, d, batch, record=record), self.g_loss(g, d, batch, record=record)
        (of_d,) = torch.autograd.grad(d_loss.sum(), d, create_graph=True)
        (of_g,) = torch.autograd.grad(g_loss.sum(), g, create_graph=True)
        return of_d, of_g

    # --- moves -------------------------------------------------------------------------------------------------------

    def plays(self, player: str) -> bool:
        """Whether a player learns."""
        return player in self.learners

    def begin(self, warmup: int = 0) -> None:
        """D, whatever it was given, is one that it may be; then so many D steps, whoever learns afterwards; then the
        update rule begins, with the players as they are."""
        self.d.copy_(self.project(self.d))
        if "spectral" in self.penalties:
            self.D.align()  # type: ignore[attr-defined]
        learners, self.learners = self.learners, "d"
        for _ in range(warmup):
            self.descend("d", self.gradient("d", self.g, self.d, self.d_batch()))
        self.learners = learners
        self.rule = UPDATES[self.setting.rule](self)

    def resettle(self, *, aligned: bool) -> None:
        """Go on from players that were put here: D is one that it may be, its directions, unless they are `aligned`,
        are those of the largest singular values, and the update rule begins with the players as they are."""
        self.d.copy_(self.project(self.d))
        if "spectral" in self.penalties and not aligned:
            self.D.align()  # type: ignore[attr-defined]
        self.rule = UPDATES[self.setting.rule](self)

    def descend(self, player: str, gradient: Tensor) -> None:
        """One step of a player's optimiser, if it learns."""
        if self.plays(player):
            self.optimizers[player].step(gradient)
            self._settle(player)

    def move(self, player: str, flat: Tensor, state: State | None = None) -> None:
        """Put a player, if it learns, where a rule says; its optimiser's state too, if one is given."""
        if self.plays(player):
            optimizer = self.optimizers[player]
            optimizer.move(flat, optimizer.state if state is None else state)
            self._settle(player)

    def project(self, d: Tensor) -> Tensor:
        """The nearest parameters that D may have."""
        return clip(d, self.penalties["clip"]) if "clip" in self.penalties else d

    def _settle(self, player: str) -> None:
        if player == "d":
            if "clip" in self.penalties:
                self.d.copy_(self.project(self.d))
            if "spectral" in self.penalties:
                self.D.follow()  # type: ignore[attr-defined]

    # --- D as it is not: for rules that look ahead, or back ----------------------------------------------------------

    @property
    def directions(self) -> State:
        """By which D's weights are normalised (see networks.py); none where they are not."""
        return tuple(vector for pair in getattr(self.D, "directions", ()) for vector in pair)

    @contextlib.contextmanager
    def elsewhere(self, directions: State = ()) -> Iterator[None]:
        """For looks at D where it is not: its weights are normalised by these directions, if any, and by those of
        where it is `reach`ed; in the end by its own again."""
        present = self.directions
        self._direct(directions)
        try:
            yield
        finally:
            self._direct(present)

    def reach(self, d: Tensor) -> Tensor:
        """Where D comes to be if it is moved to d, differentiable; only within `elsewhere`, where it is then looked
        at."""
        if "spectral" in self.penalties:
            self.D.directions = self.D.followed(d)  # type: ignore[attr-defined]
        return self.project(d)

    def _direct(self, directions: State) -> None:
        if directions:
            self.D.directions = list(zip(directions[::2], directions[1::2], strict=True))  # type: ignore[attr-defined]
