"""The CUDA path: autograd's steps, with random numbers made on the device, captured as graphs and replayed.

On a GPU the steps of small networks cost what launching their kernels costs. A graph launches a whole round's D steps
at once, and another a G step, thousands of members beside one another; nothing is copied from or to the host except the
losses, every so many steps. The members' streams are therefore computed on the device.

Without CUDA the same stack runs step by step, which is how the tests hold it to the reference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.base.streams import FIRST, GAMMA, SECOND, SHIFTS, key
from dynamics.engine.reference import AutogradStack
from dynamics.settings.setting import Setting

_BLOCK = 64  # generator steps between two looks at the losses


class DeviceStreams:
    """`streams.Streams` on a device: the same numbers, up to the rounding of their logarithms and cosines.

    Everything is a tensor, the count of numbers taken too, so that a captured graph draws new numbers each time that it
    is replayed.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, device: torch.device) -> None:
        keys = np.array([key(seed, purpose) for seed in seeds], np.uint64).view(np.int64)
        self.keys = torch.from_numpy(keys).to(device).unsqueeze(1)  # (M, 1)
        self.taken = torch.zeros((), dtype=torch.int64, device=device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normals, float32, of shape (member, *shape)."""
        words, odd = self._words(math.prod(shape))
        radius = torch.sqrt(-2 * torch.log(((words >> 32 & 0xFFFFFFFF).float() + 1) * 2.0**-32))
        angle = (words & 0xFFFFFFFF).float() * (2 * math.pi * 2.0**-32)
        return (radius * torch.where(odd, torch.sin(angle), torch.cos(angle))).unflatten(1, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Uniforms in [0, 1), float32, of shape (member, *shape)."""
        words, odd = self._words(math.prod(shape))
        return (torch.where(odd, words >> 8, words >> 40) & 0xFFFFFF).float().mul_(2.0**-24).unflatten(1, shape)

    def _words(self, count: int) -> tuple[Tensor, Tensor]:
        """For each of the next numbers, the word (M, count) that it is in, and whether it is the odd one (count,)."""
        number = torch.arange(count, device=self.taken.device) + self.taken
        self.taken += count
        counters = _mix(((number >> 1) + 1) * _signed(GAMMA))
        return _mix(counters + self.keys), number % 2 == 1


def _mix(x: Tensor) -> Tensor:
    """`streams._mix`, by numbers with a sign: their products wrap alike, but their shift to the right brings it in."""
    for shift, factor in zip(SHIFTS, (FIRST, SECOND, None), strict=True):
        x = x ^ (x >> shift & (1 << 64 - shift) - 1)
        if factor is not None:
            x = x * _signed(factor)
    return x


def _signed(x: int) -> int:
    return x - (1 << 64)


class CapturedStack(AutogradStack):
    """A stack of plain games, whose steps are captured as CUDA graphs before the first one is made."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(settings, seeds, curves, evaluation, device, dtype)
        self.device_choice, self.device_noise, self.device_latent = (
            DeviceStreams(seeds, purpose, device) for purpose in ("choice", "noise", "latent")
        )
        self.runs = []  # targets, and the neighbours that share one
        for target, members in itertools.groupby(range(len(seeds)), key=lambda m: self.targets[m]):
            rows = list(members)
            self.runs.append((target, slice(rows[0], rows[-1] + 1)))
        self.record = torch.zeros(_BLOCK, 4, len(seeds), device=device, dtype=dtype)  # the curves of a block's steps
        self.row = torch.zeros(1, dtype=torch.int64, device=device)  # of `record`, the next step's
        self.play: dict[str, Callable[[], None]] = {"d": self.begin_round, "g": self._recorded_step}
        if device.type == "cuda":
            self._capture()

    block = _BLOCK

    @staticmethod
    def can(setting: Setting, device: torch.device) -> bool:
        """Plain games on a GPU."""
        return device.type == "cuda" and setting.plain

    def tensors(self) -> dict[str, Tensor]:
        taken = {f"device_stream.{purpose}": stream.taken for purpose, stream in self._device_streams().items()}
        return super().tensors() | taken

    def taken(self) -> dict[str, int]:
        """See `AutogradStack.taken`; those that are drawn on the device are counted there."""
        return super().taken() | {purpose: int(stream.taken) for purpose, stream in self._device_streams().items()}

    def take(self, taken: dict[str, int]) -> None:
        """See `AutogradStack.take`."""
        streams = self._device_streams()
        super().take({purpose: count for purpose, count in taken.items() if purpose not in streams})
        for purpose, stream in streams.items():
            stream.taken.fill_(taken[purpose])

    def _device_streams(self) -> dict[str, DeviceStreams]:
        return {"choice": self.device_choice, "noise": self.device_noise, "latent": self.device_latent}

    def latents(self) -> Tensor:
        return self.device_latent.normal(self.setting.batch_size, self.setting.latent_dim).to(self.dtype)

    def reals(self) -> Tensor:
        choice = self.device_choice.uniform(self.setting.batch_size, 2)
        noise = self.device_noise.normal(self.setting.batch_size, 2)
        points = torch.cat([target.transform(choice[rows], noise[rows]) for target, rows in self.runs])
        return points.to(self.dtype)

    def advance(self, start: int, stop: int) -> None:
        first = start
        for step in range(start, stop):
            if (step - self.first) % self.setting.g_steps == 0:
                self.play["d"]()
            self.play["g"]()
            if step + 1 - first == _BLOCK or step + 1 == stop:
                values = self.record[: step + 1 - first].permute(1, 2, 0).cpu().numpy()
                self.curves.add(first, values)
                self.row.zero_()
                first = step + 1

    def _recorded_step(self) -> None:
        self.record.index_copy_(0, self.row, self.generator_step()[None])
        self.row += 1

    def _capture(self) -> None:
        """Both kinds of step as graphs. A capture needs trial runs first, whose effects are taken back."""
        state = [*self.tensors().values(), self.row]
        before = [tensor.clone() for tensor in state]
        steps = dict(self.play)
        aside = torch.cuda.Stream(self.device)
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):
            for _ in range(3):
                for step in steps.values():
                    step()
        torch.cuda.current_stream(self.device).wait_stream(aside)
        for name, step in steps.items():
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            self.play[name] = graph.replay
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
