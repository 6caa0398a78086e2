"""The reference path: a stack of members trained by autograd as one batch of tensors, any setting on any device."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.base.streams import TRAINING, Streams
from dynamics.engine.carried import Carried, counted, put
from dynamics.engine.denormals import flushed_denormals
from dynamics.engine.stack import Flat, Resumable
from dynamics.games.average import Average
from dynamics.games.game import Game
from dynamics.games.networks import MLP, make_pair
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for
from dynamics.targets.sampling import draw_real


class AutogradStack(Resumable):
    """A stack trained by autograd. Its random numbers are the members' streams, drawn on the CPU; where they come from
    is all that a subclass need change."""

    ahead = 0  # numbers that streams compute at once

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.setting, self.curves, self.seeds = settings[0], curves, seeds
        self.device, self.dtype = device, dtype
        self.targets = [target_for(s) for s in settings]
        self.streams: dict[str, Streams] = {}
        self.G, self.D = make_pair(settings, seeds, device, dtype)
        self.game = Game(self.G, self.D, settings, self)
        self.average = Average(self.G.flat, settings)
        self.fixed_z = self.normal("evaluation", evaluation, self.setting.latent_dim)
        self.data = self._data_set() if self.setting.data_size else None

    @staticmethod
    def can(setting: Setting, device: torch.device) -> bool:
        """Any setting on any device."""
        return True

    # --- random numbers: what `game.Source` asks for -----------------------------------------------------------------

    def stream(self, purpose: str) -> Streams:
        """The members' streams for a purpose, made when they are first asked for."""
        if purpose not in self.streams:
            self.streams[purpose] = Streams(self.seeds, purpose, self.ahead)
        return self.streams[purpose]

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return torch.from_numpy(self.stream(purpose).normal(*shape)).to(self.device, self.dtype)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return torch.from_numpy(self.stream(purpose).uniform(*shape)).to(self.device, self.dtype)

    def latents(self) -> Tensor:
        return self.normal("latent", self.setting.batch_size, self.setting.latent_dim)

    def reals(self) -> Tensor:
        return self._real_points("choice", "noise")

    def g_reals(self) -> Tensor:
        return self._real_points("g_choice", "g_noise")

    def _real_points(self, choice: str, noise: str) -> Tensor:
        if self.data is None:
            points = draw_real(self.targets, self.setting.batch_size, self.stream(choice), self.stream(noise))
            return points.to(self.device, self.dtype)
        # with replacement; a uniform is a multiple of 2⁻²⁴, finer than the largest data set
        place = (self.uniform(choice, self.setting.batch_size) * self.setting.data_size).long()
        return self.data.gather(1, place.unsqueeze(2).expand(-1, -1, 2))

    def _data_set(self) -> Tensor:
        streams = (Streams(self.seeds, purpose) for purpose in ("data_choice", "data_noise"))
        return draw_real(self.targets, self.setting.data_size, *streams).to(self.device, self.dtype)

    # --- training ----------------------------------------------------------------------------------------------------

    def begin(self, start: Flat = (None, None)) -> None:
        """What comes before the first generator step: G's and D's parameters if given, and D's own first steps."""
        for network, flat in zip((self.G, self.D), start, strict=True):
            if flat is not None:
                network.flat.copy_(flat)
        self.game.begin(self.setting.warmup)
        self.average.begin()

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        with flushed_denormals():
            for step in range(start, stop):
                self.game.at_step(step)
                if (step - self.first) % self.setting.g_steps == 0:
                    self.begin_round()
                self.curves.add(step, self.generator_step().unsqueeze(2).cpu().numpy())

    def begin_round(self) -> None:
        """What comes before a round's generator steps."""
        self.game.rule.begin()

    def generator_step(self) -> Tensor:
        """A G step; returns the step's `curves.CURVES`, (4, M)."""
        return self.step_in(self.game.rule.phase)

    def step_in(self, phase: Hashable) -> Tensor:
        """A G step of this phase of the update rule: the same operations whatever the numbers are."""
        self.game.rule.step_in(phase)
        if self.setting.ema:
            self.average.add()
        d_loss, d_real, d_fake = self.game.d_means
        return torch.stack([d_loss, self.game.g_mean, d_real, d_fake])

    # --- to be resumed from ------------------------------------------------------------------------------------------

    block = 1  # generator steps between two occasions to stop

    def changing(self) -> dict[str, Tensor | Streams]:
        """See `Resumable.changing`; the streams are those of `streams.TRAINING`, drawn from yet or not."""
        return {**self.tensors(), **{f"stream.{purpose}": self.stream(purpose) for purpose in TRAINING}}

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that training writes to."""
        named = {"average": self.average.flat}
        for name, tensors in self.game.state.items():
            named |= {f"{name}.{i}": tensor for i, tensor in enumerate(tensors)}
        return named

    # --- to be handed over from and to ------------------------------------------------------------------------------

    def carried(self) -> Carried:
        """See `SettledStack.carried`."""
        game = self.game
        states = {name: tuple(tensor.clone() for tensor in state) for name, state in game.state.items()}
        return Carried(
            states["g"][0],
            states["d"][0],
            self.average.flat.clone(),
            states["means"],
            {player: states[f"optimizer_{player}"] for player in "gd"},
            states["rule"],
            states["directions"],
            self.taken(),
        )

    def take_over(self, carried: Carried) -> None:
        """See `SettledStack.take_over`."""
        game = self.game
        game.g.copy_(carried.g)
        game.d.copy_(carried.d)
        put(game.state["means"], carried.means)
        for player, optimizer in game.optimizers.items():
            put(optimizer.state, carried.optimizers[player])
        put(game.directions, carried.directions)
        game.resettle(aligned=bool(carried.directions))
        put(game.rule.state, carried.rule)
        self.average.flat.copy_(carried.average)
        self.take(carried.taken)

    def taken(self) -> dict[str, int]:
        """How many numbers were taken from each stream of `streams.TRAINING`."""
        return counted({purpose: stream.taken for purpose, stream in self.streams.items()})

    def take(self, taken: dict[str, int]) -> None:
        """Go on after so many numbers of each."""
        for purpose, count in taken.items():
            self.stream(purpose).taken = count

    # --- what is seen of it ------------------------------------------------------------------------------------------

    def networks(self) -> tuple[MLP, MLP]:
        """G and D as they are, without what matters to training alone."""
        return self.G.plain(self.fixed_z), self.D.plain()

    def averaged(self) -> MLP | None:
        """G with the average of its weights, where one is kept."""
        return self.G.plain(self.fixed_z, self.average.flat) if self.setting.ema else None

    def rates(self) -> tuple[Tensor, Tensor]:
        """What the optimisers of G and D multiply gradients by now, (M, P) or (M, 1) each."""
        return self.game.optimizers["g"].rates(), self.game.optimizers["d"].rates()

    def samples(self, G: MLP) -> np.ndarray:
        """(M, N, 2): every member's G, as `networks` gives it, at its evaluation latents."""
        with torch.no_grad():  # in batches, so that looking takes no more memory than training
            return torch.cat([G(z) for z in self.fixed_z.split(self.setting.batch_size, 1)], 1).cpu().numpy()
