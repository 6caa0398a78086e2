"""Random numbers that belong to a member and to nobody else.

Every GAN of a stack owns one stream per purpose, keyed by (seed, purpose). Member 7 of 64 therefore draws what it draws
alone, two settings with the same seed see the same initial weights, data and noise (as far as their shapes allow), and
no global generator, torch's or numpy's, is ever touched.

A stream is a function of a counter, so it may be cut anywhere, taken up anywhere and computed on any device
(captured.py does so): drawing 100 and then 28 numbers gives the same 128 as drawing them at once, and how many were
taken is all the state there is. Word j of a stream is

    mix(mix((j + 1) · γ) + key),    64 bits,

with SplitMix64's γ and finaliser (Steele, Lea & Flood 2014), and holds its numbers 2j and 2j + 1: two uniforms, or by
Box & Muller (1958) two normals, from its upper and lower half.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Sequence

import numpy as np

PURPOSES = (
    "weights_g",  # initial weights of the generator
    "weights_d",  # initial weights of the discriminator
    "choice",  # which mode, which place on a curve: uniforms of the real data
    "noise",  # the Gaussian part of the real data
    "latent",  # z during training
    "evaluation",  # z of every snapshot: the same throughout a run
    "null",  # samples of the target itself, for a score's value under a perfect generator
    "probe_latent",  # the batch that gradients of both losses are measured at: the same throughout a run
    "probe_choice",
    "probe_noise",
    "g_choice",  # real data of a generator step, where one sees any
    "g_noise",
    "data_choice",  # a fixed data set
    "data_noise",
    "penalty_uniform",  # where penalties look
    "penalty_noise",
    "instance_noise",  # of the points that D judges
    "probe_instance_noise",
)

# those that training goes on drawing from
TRAINING = ("choice", "noise", "latent", "g_choice", "g_noise", "penalty_uniform", "penalty_noise", "instance_noise")

GAMMA, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
SHIFTS = (30, 27, 31)
_UPPER, _LOWER = (1, 0) if sys.byteorder == "little" else (0, 1)  # halves of a word in memory


def spawn(seed: int, purpose: str) -> np.random.Generator:
    """numpy's generator for (seed, purpose), for what is drawn once; equal arguments give equal generators.

    Raises ``ValueError`` for a negative seed or an unknown purpose.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, purpose)))


def key(seed: int, purpose: str) -> int:
    """64 bits that belong to (seed, purpose), with the same errors."""
    return int(_sequence(seed, purpose).generate_state(1, np.uint64)[0])


def _sequence(seed: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose),))


class Streams:
    """The streams of a stack for one purpose: row m of every draw is member m's own.

    Where few numbers are wanted at a time, `ahead` of them are computed at once, and kept until they are.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, ahead: int = 0) -> None:
        self.seeds, self.purpose = seeds, purpose
        self.taken = 0  # numbers, by every member
        self.ahead = ahead
        self._kept: tuple[Callable[[np.ndarray], np.ndarray] | None, int, np.ndarray] = (None, 0, np.empty((0, 0)))

    @functools.cached_property
    def keys(self) -> np.ndarray:
        """(member,) uint64; hashes of every seed, so made when first drawn from."""
        return np.array([key(seed, self.purpose) for seed in self.seeds], np.uint64)

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normals, float32, of shape (member, *shape); within ±6.7."""
        return self._draw(shape, _normals)

    def uniform(self, *shape: int) -> np.ndarray:
        """Uniforms in [0, 1), float32, of shape (member, *shape): multiples of 2⁻²⁴."""
        return self._draw(shape, _uniforms)

    def _draw(self, shape: tuple[int, ...], numbers: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        start, count = self.taken, math.prod(shape)
        self.taken += count
        if count >= self.ahead:
            return self._computed(start, count, numbers).reshape(len(self.keys), *shape)
        kind, first, kept = self._kept
        if kind is not numbers or not first <= start <= start + count <= first + kept.shape[1]:
            self._kept = (numbers, start, self._computed(start, self.ahead, numbers))
            _, first, kept = self._kept
        out = _rows(len(self.keys), count)
        out[:] = kept[:, start - first : start - first + count]
        return out.reshape(len(self.keys), *shape)

    def _computed(self, start: int, count: int, numbers: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Numbers `start` and on, (member, count)."""
        first, last = start // 2, -(-(start + count) // 2)  # words
        skipped = start - 2 * first
        counters = np.arange(first + 1, last + 1, dtype=np.uint64) * np.uint64(GAMMA)
        _mix(counters)
        out = _rows(len(self.keys), count)
        for row, member in zip(out, self.keys, strict=True):  # one by one: what is worked on stays in the cache
            words = counters + member
            _mix(words)
            row[:] = numbers(words)[skipped : skipped + count]
        return out


def _rows(count: int, numbers: int) -> np.ndarray:
    """(count, numbers) float32, to be filled; every row begins where a vector register may (64 bytes), so that what is
    computed from it does not depend on which row it is."""
    room = -(-numbers // 16) * 16
    memory = np.empty(count * room + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + count * room].reshape(count, room)[:, :numbers]


def _mix(words: np.ndarray) -> None:
    """SplitMix64's finaliser, in place."""
    shifted = np.empty_like(words)
    for shift, factor in zip(SHIFTS, (FIRST, SECOND, None), strict=True):
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        if factor is not None:
            np.multiply(words, np.uint64(factor), out=words)


def _uniforms(words: np.ndarray) -> np.ndarray:
    halves = (words.view(np.uint32) >> np.uint32(8)).astype(np.float32)
    halves *= np.float32(2.0**-24)
    return halves if _UPPER == 0 else halves.reshape(-1, 2)[:, ::-1].reshape(-1)


def _normals(words: np.ndarray) -> np.ndarray:
    """r cos θ and r sin θ in turns: r = √(−2 ln u), u in (0, 1] the upper half, θ in [0, 2π] the lower one."""
    halves = words.view(np.uint32).astype(np.float32)
    radius, angle = halves[_UPPER::2] + np.float32(1), halves[_LOWER::2] * np.float32(2 * np.pi * 2.0**-32)
    radius *= np.float32(2.0**-32)
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    np.multiply(radius, np.cos(angle), out=halves[0::2])
    np.multiply(radius, np.sin(angle), out=halves[1::2])
    return halves
