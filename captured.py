"""The CUDA path: autograd's steps, with random numbers made on the device, captured as graphs and replayed.

On a GPU the steps of small networks cost what launching their kernels costs. A graph launches a whole round's D steps
at once, and another a G step, thousands of members beside one another; nothing is copied from or to the host except the
losses, every so many steps. Random numbers are therefore made by the device, from a counter (`Counted`): a member's do
not depend on its company, but are others than the CPU's for the same seed.

Without CUDA the same stack runs step by step, which is how the tests hold it to the reference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from curves import Curves
from reference import AutogradStack
from settings import Setting
from streams import word

_BLOCK = 64  # generator steps between two looks at the losses


class Counted:
    """Random numbers that are a function of (member, counter): SplitMix64's finaliser (Steele, Lea & Flood 2014).

    Number n of member m is mix(mix(n · γ) + key of m), 64 bits. Everything is a tensor on `device`, the counter too, so
    that a captured graph draws new numbers each time that it is replayed. A normal is within ±6.7.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, device: torch.device) -> None:
        keys = np.array([word(seed, purpose) for seed in seeds], np.uint64).view(np.int64)
        self.keys = torch.from_numpy(keys).to(device).unsqueeze(1)  # (M, 1)
        self.count = torch.zeros((), dtype=torch.int64, device=device)

    def words(self, n: int) -> tuple[Tensor, Tensor]:
        """The next n words of every member, (M, n) each: their upper and their lower 32 bits."""
        counter = torch.arange(1, n + 1, device=self.count.device) + self.count
        self.count += n
        bits = _mix(_mix(counter * _signed(0x9E3779B97F4A7C15)) + self.keys)
        return bits >> 32 & 0xFFFFFFFF, bits & 0xFFFFFFFF

    def uniform(self, n: int, dtype: torch.dtype) -> Tensor:
        """(M, n, 2) in [0, 1), multiples of 2⁻²⁴."""
        upper, lower = self.words(n)
        return torch.stack([upper >> 8, lower >> 8], -1).to(dtype) * 2.0**-24

    def normal(self, n: int, dtype: torch.dtype) -> Tensor:
        """(M, n) standard normals (Box & Muller 1958)."""
        upper, lower = self.words(-(-n // 2))
        radius = torch.sqrt(-2 * torch.log((upper + 1).to(dtype) * 2.0**-32))
        angle = (lower >> 8).to(dtype) * (2 * math.pi * 2.0**-24)
        return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)[:, :n]


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shifted(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """x >> bits of the unsigned number: torch's own shift brings in the sign."""
    return x >> bits & (1 << 64 - bits) - 1


def _signed(x: int) -> int:
    return x - (1 << 64)


class CapturedStack(AutogradStack):
    """A stack whose steps are captured as CUDA graphs before the first one is made."""

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
        self.counted = {purpose: Counted(seeds, purpose, device) for purpose in ("choice", "noise", "latent")}
        self.runs = []  # targets, and the neighbours that share one
        for target, members in itertools.groupby(range(len(seeds)), key=lambda m: self.targets[m]):
            rows = list(members)
            self.runs.append((target, slice(rows[0], rows[-1] + 1)))
        self.record = torch.zeros(_BLOCK, 4, len(seeds), device=device, dtype=dtype)  # the curves of a block's steps
        self.row = torch.zeros(1, dtype=torch.int64, device=device)  # of `record`, the next step's
        self.play: dict[str, Callable[[], None]] = {"d": self.begin_round, "g": self._recorded_step}
        if device.type == "cuda":
            self._capture()

    def latents(self) -> Tensor:
        batch, latent_dim = self.setting.batch_size, self.setting.latent_dim
        return self.counted["latent"].normal(batch * latent_dim, self.dtype).unflatten(1, (batch, latent_dim))

    def reals(self) -> Tensor:
        batch = self.setting.batch_size
        choice = self.counted["choice"].uniform(batch, self.dtype)
        noise = self.counted["noise"].normal(2 * batch, self.dtype).unflatten(1, (batch, 2))
        return torch.cat([target.transform(choice[rows], noise[rows]) for target, rows in self.runs])

    def advance(self, start: int, stop: int) -> None:
        first = start
        for step in range(start, stop):
            if step % self.setting.g_steps == 0:
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
        state = [self.G.flat, self.D.flat, *self.g_optimizer.state, *self.d_optimizer.state]
        state += [self.row, *(stream.count for stream in self.counted.values())]
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
