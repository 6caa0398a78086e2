"""Values of strict JSON: what is written as such, and what is let in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_DEPTH, MOST_VALUES = 32, 10**6  # of JSON: a run.json has a depth of 5, and some 100 values a setting


def strict(value: Any) -> Any:
    """The value with None for every number that JSON has no word for, and numpy's scalars as Python's."""
    if isinstance(value, Mapping):
        return {strict(str(key)): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # what a file's name that is no text has in it
    return None if isinstance(value, float) and not math.isfinite(value) else value


def refuse_constant(word: str) -> None:
    """Raise ``ValueError`` for NaN and the infinities, which Python's reader would take."""
    raise ValueError(f"{word} is no JSON")


def check_json(value: Any) -> None:
    """Raise ``ValueError`` for what no run.json holds and its readers could stumble over."""
    waiting = [(value, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
            waiting += [(key, depth + 1) for key in value]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str):
            if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise ValueError("a text in it is no Unicode")
        elif isinstance(value, int):
            if abs(value) >= 2**64:
                raise ValueError("a number in it is too large")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number in it is too large")
