"""Networks as functions of a point of the plane: whether they are, and their outputs, a chunk of points a call."""

from __future__ import annotations

import torch
from torch import Tensor

from dynamics.games.networks import MLP

CHUNK = 512  # points a call: activations stay in the cache, and no member's outputs depend on how many others there are


def judges_points(D: MLP) -> bool:
    """Whether D has an output at a point of the plane: not where it judges several together, or sees the batch."""
    return D.sizes[0] == 2 and not D.batch_std


def in_chunks(network: MLP, x: Tensor) -> Tensor:
    return torch.cat([network(part) for part in x.split(CHUNK, 1)], 1)
