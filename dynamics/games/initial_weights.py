"""How a layer's weights (in, out) and biases (out,) are drawn from its member's stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


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


def _he_glorot(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """He et al.'s, and Glorot & Bengio's for the last layer (Gulrajani et al. 2017's toys)."""
    return _he(stream, fan_in, fan_out)


LAST_INITS: dict[Callable[..., Any], Callable[..., Any]] = {_he_glorot: _glorot}  # where the last layer has another


def _orthogonal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows or columns, whichever are fewer, biases 0 (Saxe et al. 2014)."""
    tall = stream.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # QR's own signs are not uniform
    return (q if fan_in >= fan_out else q.T), np.zeros(fan_out)


def _normal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 0.02²), biases 0 (Radford et al. 2016)."""
    return 0.02 * stream.standard_normal((fan_in, fan_out)), np.zeros(fan_out)


Init = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]


INITS: dict[str, Init] = {
    "uniform": _uniform,
    "glorot": _glorot,
    "he": _he,
    "he_glorot": _he_glorot,
    "orthogonal": _orthogonal,
    "normal": _normal,
}
