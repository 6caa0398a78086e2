"""Real points: a batch for every member of a stack.

A target turns randomness from outside into points: ``transform(choice, noise)`` takes two uniforms (which mode, which
place on a curve) and two standard normals a point. Two stds of one target fed the same numbers thus choose the same
places and carry the same noise, scaled: common random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dynamics.base.streams import Streams
from dynamics.targets.densities import Target


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
