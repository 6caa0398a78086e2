"""The general path on a CPU: a GAN's step is recorded once, and replayed for one member after another.

Any loss, penalty and update rule is trained by autograd. One step of a game of one member, the *table*, is watched as
autograd carries it out (see recording.py). A stack's members take turns at their setting's table: a member's numbers
are copied to it, a block of steps is played, and they are copied back. Where networks are small, several members play
at once, a lane each. `reference.AutogradStack` is the slow, obvious reference, and makes the game that is recorded.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.carried import Carried
from dynamics.engine.denormals import flushed_denormals
from dynamics.engine.recording import Lanes, Recording
from dynamics.engine.reference import AutogradStack
from dynamics.engine.stack import Flat, Resumable
from dynamics.games.networks import MLP, make_pair
from dynamics.settings.setting import Setting
from dynamics.targets.sampling import draw_real

_TURNS = 0.25  # seconds in which all members have had a turn: how long a stack takes to hear that it shall stop


class _Member(AutogradStack):
    """One GAN as it is between its turns: its numbers and its streams.

    Real points are made many at a time, always the same ones together, wherever training is cut: what the last of an
    array are rounded like may differ from the rest.
    """

    ahead = 8192

    def _real_points(self, choice: str, noise: str) -> Tensor:
        if self.data is not None:
            return super()._real_points(choice, noise)
        batch, streams = self.setting.batch_size, (self.stream(choice), self.stream(noise))
        together = 2 * batch * max(1, self.ahead // (2 * batch))  # numbers of either stream, two a point
        place = streams[1].taken // together
        if self.made.get(noise, (-1,))[0] != place:
            taken = [stream.taken for stream in streams]
            for stream in streams:
                stream.taken = place * together
            points = draw_real(self.targets, together // 2, *streams).to(self.dtype)
            used = [stream.taken > place * together for stream in streams]
            self.made[noise] = (place, points, used)
            for stream, count in zip(streams, taken, strict=True):
                stream.taken = count
        _, points, used = self.made[noise]
        first = streams[1].taken % together // 2
        for stream, uses in zip(streams, used, strict=True):
            stream.taken += 2 * batch * uses
        return points[:, first : first + batch]

    @functools.cached_property
    def made(self) -> dict[str, tuple[int, Tensor, list[bool]]]:
        """Real points by the stream of their noise: which of its lots they are, and which streams they took from."""
        return {}


class _Inputs:
    """What a table draws from: the member whose turn it is. `noted` says of every draw, in order, what was asked and
    where it was put, so that later draws can be put there too."""

    def __init__(self) -> None:
        self.member: AutogradStack
        self.noted: list[tuple[str, tuple[Any, ...], Tensor]] = []
        self.ready: list[Tensor] | None = None  # while recording: draws that were made before

    def latents(self) -> Tensor:
        return self._draw("latents")

    def reals(self) -> Tensor:
        return self._draw("reals")

    def g_reals(self) -> Tensor:
        return self._draw("g_reals")

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return self._draw("uniform", purpose, *shape)

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return self._draw("normal", purpose, *shape)

    def _draw(self, name: str, *arguments: Any) -> Tensor:
        if self.ready is not None:
            return self.ready.pop(0)
        drawn = getattr(self.member, name)(*arguments)
        self.noted.append((name, arguments, drawn.clone()))
        return self.noted[-1][2]


class _Table:
    """The game of one setting, whose steps are recorded, at which members of that setting take turns, so many at once
    as there are lanes."""

    def __init__(self, setting: Setting, lanes: int, device: torch.device, dtype: torch.dtype) -> None:
        alike = dataclasses.replace(setting, data_size=0)  # it draws nothing of its own
        self.stack = AutogradStack([alike], [0], Curves(1, []), 1, device, dtype)
        self.game = self.stack.game
        self.inputs = self.game.source = _Inputs()
        self.game.begin(0)
        self.means = torch.zeros(4, 1, dtype=dtype)  # a generator step's `CURVES`
        self.lanes = Lanes(lanes)
        self.lanes.add(self.means, *self.stack.tensors().values())
        self.numbers = {name: self.lanes.of(tensor) for name, tensor in self.stack.tensors().items()}
        self.recorded: dict[Hashable, tuple[Recording, list[tuple[str, tuple[Any, ...], Tensor]]]] = {}

    def play(self, members: Sequence[_Member], start: int, stop: int, first: int) -> np.ndarray:
        """A turn of some members, from generator step `start` to `stop`, whose rounds begin at step `first`; returns
        their curves, (K, 4, stop − start)."""
        rule, setting = self.game.rule, self.stack.setting
        members_tensors = [member.tensors() for member in members]
        for name, tensors in self.numbers.items():
            for tensor, of_member in zip(tensors, members_tensors, strict=False):
                tensor.copy_(of_member[name])
        means = self.lanes.of(self.means)[: len(members), :, 0].numpy()
        curves = np.empty((len(members), 4, stop - start), means.dtype)
        for step in range(start, stop):
            self.game.at_step(step)
            if (step - first) % setting.g_steps == 0:
                self._do("open", rule.open, members)
                for _ in range(rule.d_steps):
                    self._do("d", rule.descend_d, members)
            for tensor in rule.state:  # all members are as far as the first
                tensor.copy_(self.lanes.of(tensor)[0])
            phase = rule.phase
            self._do(("g", phase), functools.partial(self._step, phase), members)
            curves[:, :, step - start] = means
        for name, tensors in self.numbers.items():
            for tensor, of_member in zip(tensors, members_tensors, strict=False):
                of_member[name].copy_(tensor)
        return curves

    def _step(self, phase: Hashable) -> None:
        self.means.copy_(self.stack.step_in(phase))

    def _do(self, what: Hashable, function: Callable[[], object], members: Sequence[_Member]) -> None:
        if what not in self.recorded:
            self.recorded[what] = self._record(function, members[0])
        recording, draws = self.recorded[what]
        for name, arguments, places in draws:
            for place, member in zip(places, members, strict=False):
                place.copy_(getattr(member, name)(*arguments))
        recording.replay(len(members))

    def _record(
        self, function: Callable[[], object], member: _Member
    ) -> tuple[Recording, list[tuple[str, tuple[Any, ...], Tensor]]]:
        """A function of the game recorded at the first lane's numbers, and its draws, with every lane's place for them.
        What it changes is put back, the member's streams too."""
        inputs, streams, numbers = self.inputs, member.streams, self.stack.tensors()
        taken = {purpose: stream.taken for purpose, stream in streams.items()}
        for name, tensor in numbers.items():
            tensor.copy_(self.numbers[name][0])
        inputs.member, inputs.noted = member, []
        function()  # to see what it draws
        for name, tensor in numbers.items():
            tensor.copy_(self.numbers[name][0])
        inputs.ready = [place for _, _, place in inputs.noted]
        self.lanes.add(*inputs.ready)
        draws = [(name, arguments, self.lanes.of(place)) for name, arguments, place in inputs.noted]
        recording = Recording(function, self.lanes)
        inputs.ready = None
        for purpose, stream in streams.items():
            stream.taken = taken.get(purpose, 0)
        return recording, draws


class RecordedStack(Resumable):
    """A stack of any settings of one structure on a CPU; what `reference.AutogradStack` does, member by member."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.settings, self.curves, self.device, self.dtype = settings, curves, device, dtype
        self.G, self.D = make_pair(settings, seeds, device, dtype)  # filled anew when they are looked at
        self.members = [
            _Member([s], [seed], Curves(1, []), evaluation, device, dtype)
            for s, seed in zip(settings, seeds, strict=True)
        ]
        self.tables: dict[Setting, _Table] = {}
        self.turns = _turns(settings)
        self.block = 1  # generator steps of the next turns; no number depends on it

    most = 32  # generator steps of a turn, at most

    @staticmethod
    def can(setting: Setting, device: torch.device) -> bool:
        """Any setting on a CPU."""
        return device.type == "cpu"

    def begin(self, start: Flat = (None, None)) -> None:
        """What comes before the first generator step: see `AutogradStack.begin`."""
        for m, member in enumerate(self.members):
            g, d = (None if flat is None else flat[m : m + 1] for flat in start)
            member.begin((g, d))

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        began = time.perf_counter()
        with flushed_denormals():
            for setting, turns in self.turns.items():
                if setting not in self.tables:
                    self.tables[setting] = _Table(setting, len(turns[0]), self.device, self.dtype)
                for turn in turns:
                    curves = self.tables[setting].play([self.members[m] for m in turn], start, stop, self.first)
                    for m, of_member in zip(turn, curves, strict=True):
                        self.curves.add(start, of_member[:, None], slice(m, m + 1))
        seconds = (time.perf_counter() - began) / max(1, stop - start)
        self.block = max(1, min(self.most, int(_TURNS / max(seconds, 1e-6))))

    def changing(self) -> dict[str, Tensor | Streams]:
        """See `Resumable.changing`: every member's, one member after another."""
        return {
            f"{m}.{name}": part for m, member in enumerate(self.members) for name, part in member.changing().items()
        }

    def carried(self) -> Carried:
        """See `SettledStack.carried`."""
        return Carried.together([member.carried() for member in self.members])

    def take_over(self, carried: Carried) -> None:
        """See `SettledStack.take_over`."""
        for m, member in enumerate(self.members):
            member.take_over(carried.rows(slice(m, m + 1)))

    def networks(self) -> tuple[MLP, MLP]:
        """G and D as they are, without what matters to training alone."""
        for network, name in ((self.G, "G"), (self.D, "D")):
            each = [getattr(member, name) for member in self.members]
            network.flat.copy_(torch.cat([player.flat for player in each]))
            for layer, vectors in enumerate(network.directions):
                for k, vector in enumerate(vectors):
                    vector.copy_(torch.cat([player.directions[layer][k] for player in each]))
        g, d = zip(*(member.networks() for member in self.members), strict=True)
        return _together(g), _together(d)

    def averaged(self) -> MLP | None:
        """G with the average of its weights, where one is kept."""
        each = [average for member in self.members if (average := member.averaged()) is not None]
        return _together(each) if each else None

    def rates(self) -> tuple[Tensor, Tensor]:
        """What the optimisers of G and D multiply gradients by now, (M, P) or (M, 1) each."""
        g, d = zip(*(member.rates() for member in self.members), strict=True)
        return torch.cat(g), torch.cat(d)

    def samples(self, G: MLP) -> np.ndarray:
        """(M, N, 2): every member's G, as `networks` gives it, at its evaluation latents."""
        alone = (MLP.like(G, G.flat[m : m + 1].clone()) for m in range(len(self.members)))
        return np.concatenate(
            [member.samples(generator) for member, generator in zip(self.members, alone, strict=True)]
        )


def _together(networks: Sequence[MLP]) -> MLP:
    """Stacks of one as one stack, each as `MLP.plain` gave it."""
    return MLP.like(networks[0], torch.cat([network.flat for network in networks]))


_NUMBERS = 131072  # of the largest buffers of all lanes together: beyond, they leave the cache


def _turns(settings: Sequence[Setting]) -> dict[Setting, list[list[int]]]:
    """For every setting, the members that play at once, the largest turn first."""
    alike: dict[Setting, list[int]] = {}
    for m, setting in enumerate(settings):
        alike.setdefault(setting, []).append(m)
    turns = {}
    for setting, members in alike.items():
        room = max(1, _NUMBERS // (2 * setting.batch_size * setting.hidden))
        lanes = -(-len(members) // -(-len(members) // room))
        turns[setting] = [members[i : i + lanes] for i in range(0, len(members), lanes)]
    return turns
