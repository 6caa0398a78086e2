"""Networks as functions of a point of the plane: whether they are, their outputs, and latents to look at."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy import special
from torch import Tensor

from dynamics.games.networks import MLP

CHUNK = 512  # points a call: activations stay in the cache, and no member's outputs depend on how many others there are
_POINTS = 2048  # points a call, of all members


def judges_points(D: MLP) -> bool:
    """Whether D has an output at a point of the plane: not where it judges several together, or sees the batch."""
    return D.sizes[0] == 2 and not D.batch_std


def in_chunks(network: MLP, x: Tensor) -> Tensor:
    """A network at x (M, N, ·), as many points of each member a call as `CHUNK` says: (M, N, ·)."""
    return torch.cat([network(part) for part in x.split(CHUNK, 1)], 1)


def outputs_at(network: MLP, x: Tensor) -> Tensor:
    """A network at x, (N, ·), the same for all members, or (M, N, ·): (M, N, ·), in chunks and without gradients."""
    members = len(network.flat)
    x = x.to(network.flat)
    x = x.expand(members, -1, -1) if x.ndim == 2 else x
    with torch.no_grad():
        return torch.cat([network(part) for part in x.split(max(1, _POINTS // members), 1)], 1)


@functools.lru_cache(maxsize=4)
def sobol_latents(dim: int, level: int) -> np.ndarray:
    """2^level points of N(0, I), (2^level, dim), evenly spread."""
    base = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw_base2(level, dtype=torch.float64)
    return special.ndtri(base.clamp(1e-7, 1 - 1e-7).numpy()).astype(np.float32)
