"""Random numbers that belong to a member and to nobody else.

Every GAN of a stack owns one stream per purpose, spawned from (seed, purpose). Member 7 of 64 therefore draws what it
draws alone, two settings with the same seed see the same initial weights, data and noise (as far as their shapes
allow), and no global generator, torch's or numpy's, is ever touched.

A stream is consumed number by number (PCG64 with numpy's ziggurat), so drawing 100 and then 28 gives the same 128
numbers as drawing them at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PURPOSES = (
    "weights_g",  # initial weights of the generator
    "weights_d",  # initial weights of the discriminator
    "choice",  # which mode, which place on a curve: uniforms of the real data
    "noise",  # the Gaussian part of the real data
    "latent",  # z during training
    "evaluation",  # z of every snapshot: the same throughout a run
    "null",  # samples of the target itself, for a score's value under a perfect generator
)


def spawn(seed: int, purpose: str) -> np.random.Generator:
    """The generator that belongs to (seed, purpose); equal arguments give equal streams.

    Raises ``ValueError`` for a negative seed or an unknown purpose.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, purpose)))


def word(seed: int, purpose: str) -> int:
    """64 random bits that belong to (seed, purpose)."""
    return int(_sequence(seed, purpose).generate_state(1, np.uint64)[0])


def _sequence(seed: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose),))


class Streams:
    """The streams of a stack for one purpose: row m of every draw comes from member m's own generator."""

    def __init__(self, seeds: Sequence[int], purpose: str) -> None:
        self.generators = [spawn(seed, purpose) for seed in seeds]

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normals, float32, of shape (member, *shape)."""
        out = np.empty((len(self.generators), *shape), np.float32)
        for row, generator in zip(out, self.generators, strict=True):
            generator.standard_normal(out=row, dtype=np.float32)
        return out

    def uniform(self, *shape: int) -> np.ndarray:
        """Uniforms in [0, 1), float32, of shape (member, *shape)."""
        out = np.empty((len(self.generators), *shape), np.float32)
        for row, generator in zip(out, self.generators, strict=True):
            generator.random(out=row, dtype=np.float32)
        return out
