"""Real points: a batch for every member of a stack, or a single one.

A target turns randomness from outside into points: ``transform(choice, noise)`` takes two uniforms (which mode, which
place on a curve) and two standard normals a point. Two stds of one target fed the same numbers thus choose the same
places and carry the same noise, scaled: common random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dynamics.base.streams import Streams
from dynamics.targets.densities import Target
from dynamics.targets.registry import make_target


def draw_real(targets: Sequence[Target], n: int, choice: Streams, noise: Streams) -> Tensor:
    """n real points for every member of a stack: (member, n, 2) float32, on the CPU.

    ``targets[m]`` and row m of the streams are member m's, whose points depend on nobody else. Raises
    ``ValueError`` where the three disagree on the number of members.
    """
    if not len(targets) == len(choice.keys) == len(noise.keys):
        raise ValueError("draw_real needs a target, a choice stream and a noise stream for each member")
    uniforms = torch.from_numpy(choice.uniform(n, 2)) if any(t.uses_choice for t in targets) else None
    points = torch.from_numpy(noise.normal(n, 2))
    # One member after another: the end of an array is computed by other instructions than the rest, with other rounding
    for m, target in enumerate(targets):
        points[m] = target.transform(None if uniforms is None else uniforms[m], points[m])
    return points


_private_streams = (Streams([0], "choice"), Streams([0], "noise"))


def sample_real_data(
    batch_size: int,
    mode: str = "gaussian",
    *,
    std: float | None = None,
    variance: float | None = None,
    device: str | torch.device = "cpu",
    streams: tuple[Streams, Streams] | None = None,
) -> Tensor:
    """A batch of real points, (batch_size, 2) float32; successive calls give fresh ones.

    ``std`` is in data units, ``variance`` its square; of a user's own points in theirs, though the batch lies in the
    plane that networks train in (`make_target(mode).placing` leads back). Points come from streams private to this
    module (seed 0) or from ``streams``, the (choice, noise) pair of one member; no global generator is touched. Raises
    ``ValueError`` for batch_size < 1, an unknown mode, both std and variance, or one not finite and > 0.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if variance is not None:
        if std is not None:
            raise ValueError("give std or variance, not both")
        if not (math.isfinite(variance) and variance > 0):
            raise ValueError(f"variance must be a finite number > 0, not {variance}")
        std = math.sqrt(variance)
    return draw_real([make_target(mode, std)], batch_size, *(streams or _private_streams))[0].to(device)
