"""How a layer's weights (in, out) and biases (out,) are drawn from its member's stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.matching import matching


def _uniform(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(−1/√in, 1/√in) for weights and biases: what nn.Linear does."""
    bound = fan_in**-0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), stream.uniform(-bound, bound, fan_out)


def _glorot(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / (in + out))), biases 0 (Glorot & Bengio 2010)."""
    bound = (6 / (fan_in + fan_out)) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _he(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / in)), biases 0 (He et al. 2015)."""
    bound = (6 / fan_in) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _orthogonal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows or columns, whichever are fewer, biases 0 (Saxe et al. 2014)."""
    tall = stream.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # QR's own signs are not uniform
    return (q if fan_in >= fan_out else q.T), np.zeros(fan_out)


def _normal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 0.02²), biases 0 (Radford et al. 2016)."""
    return 0.02 * stream.standard_normal((fan_in, fan_out)), np.zeros(fan_out)


Draw = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]


class Init(NamedTuple):
    """How the hidden layers are drawn, and how the last one is."""

    hidden: Draw
    last: Draw


INITS: dict[str, Init] = {
    "uniform": Init(_uniform, _uniform),
    "glorot": Init(_glorot, _glorot),
    "he": Init(_he, _he),
    "he_glorot": Init(_he, _glorot),
    "orthogonal": Init(_orthogonal, _orthogonal),
    "normal": Init(_normal, _normal),
}
matching("init", catalogue.INITS, INITS, "games/initial_weights.py")
