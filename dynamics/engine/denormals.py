"""Numbers too small for a processor to be quick with: zero while a stack trains on a CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers below 1e-38 are zero inside, as far as the processor can; afterwards what was the case before.

    The mean gradient of a weight that no point reaches any more decays by β₁ a step until it is denormal, where every
    operation on it takes a hundred times longer; half of all weights get there.
    """
    before = bool((torch.tensor([1e-39]) * 1).item() == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
