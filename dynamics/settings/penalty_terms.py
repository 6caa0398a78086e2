"""The option --penalty: its terms and their weights."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.messages import OptionError, flagged, near


def penalty_terms(text: str, written: Callable[[str], str] | None = None) -> dict[str, float | None]:
    """Name -> weight, or None where none is said, of an option such as r1 or gp:0.1+spectral.

    Raises `OptionError`; `written` puts the option, or one term of it, as the user did.
    """
    written = written or functools.partial(flagged, "--penalty")
    weights: dict[str, float | None] = {}
    if text == "none":
        return weights
    for term in text.split("+"):
        name, colon, number = term.partition(":")
        if name not in NAMES["penalty"]:
            known = ("none", *NAMES["penalty"])
            raise OptionError(f"{written(name)}: must be one of {', '.join(known)}{near(name, known)}")
        if name in weights:
            raise OptionError(f"{written(text)}: {name} stands in it twice")
        try:
            weight = float(number) if colon else None
        except ValueError:
            weight = math.nan
        if weight is not None and not 0 <= weight < math.inf:
            raise OptionError(f"{written(term)}: the weight must be a finite number of at least 0")
        weights[name] = weight
    return weights
