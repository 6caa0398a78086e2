"""Arrays by name: whether they are those that are expected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def fits(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    """Raise ``ValueError`` unless `found` has the names of `wanted` and no other, each of its shape and kind."""
    for name in (*wanted, *found):
        if name not in found:
            raise ValueError(f"{name} is missing")
        if name not in wanted:
            raise ValueError(f"{name} does not belong there")
        there, here = (np.asarray(arrays[name]) for arrays in (found, wanted))
        if there.shape != here.shape or there.dtype != here.dtype:
            raise ValueError(f"{name} is {there.dtype} {there.shape}, not {here.dtype} {here.shape}")
