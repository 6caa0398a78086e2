"""Arrays by name: whether they are those that are expected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def fits(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    """Raise ``ValueError`` unless `arrays` has the names of `wanted` and no other, each of its shape and kind."""
    for name in (*wanted, *arrays):
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        if name not in wanted:
            raise ValueError(f"{name} does not belong there")
        given, expected = (np.asarray(named[name]) for named in (arrays, wanted))
        if given.shape != expected.shape or given.dtype != expected.dtype:
            raise ValueError(f"{name} is {given.dtype} {given.shape}, not {expected.dtype} {expected.shape}")
